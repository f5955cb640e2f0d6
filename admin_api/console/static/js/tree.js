// The tree of a role's menus: parents and children are ticked together, and a parent that is not whole shows a dash.
(() => {
  const all = (selector, root) => [...root.querySelectorAll(selector)];
  const below = (box) => all("[data-node]", box.closest("li")).filter((other) => other !== box);
  const above = (box) => {
    const found = [];
    for (let li = box.closest("li").parentElement.closest("li"); li; li = li.parentElement.closest("li")) found.push(li.querySelector("[data-node]"));
    return found;
  };

  function show(tree) {
    for (const box of all("[data-node]", tree)) {
      const children = below(box);
      box.indeterminate = box.checked && children.some((child) => !child.checked);
    }
    const count = tree.querySelector("[data-tree-count]");
    if (count) count.textContent = all("[data-node]", tree).filter((box) => box.checked).length;
  }

  function set(tree, value) {
    for (const box of all("[data-node]", tree)) box.checked = value;
    show(tree);
    tree.closest("form").dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    const tree = box.closest?.("[data-tree]");
    if (!tree || !box.matches("[data-node]")) return;
    if (tree.querySelector("[data-tree-linked]").checked) {
      for (const child of below(box)) child.checked = box.checked;
      if (box.checked) for (const parent of above(box)) parent.checked = true; // a button is of no use without its menu
    }
    show(tree);
  });
  document.addEventListener("click", (event) => {
    const tree = event.target.closest?.("[data-tree]");
    if (tree && event.target.closest("[data-tree-all]")) set(tree, true);
    if (tree && event.target.closest("[data-tree-none]")) set(tree, false);
  });

  const start = () => all("[data-tree]", document).forEach(show);
  document.addEventListener("content", start);
  start();
})();
