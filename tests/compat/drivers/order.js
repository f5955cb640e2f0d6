// Reads the order of calls, has each made by the SDK, one after the other, and writes the outcomes.
module.exports = async function (call) {
  const order = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const outcomes = [];
  for (const one of order.calls) {
    const session = one.session === null ? {} : { session: one.session };
    try {
      outcomes.push({ answer: await call(order, one, { ...session, ...one.params }) });
    } catch (error) {
      if (error.code === undefined) throw error;
      outcomes.push({ error: [error.code, error.sub_code === undefined ? null : error.sub_code] });
    }
  }
  process.stdout.write(JSON.stringify(outcomes), () => process.exit());
};
