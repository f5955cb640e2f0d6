"""What deploy/ asks of metrics: the expressions of the dashboard and of the alert rules, and the names in them."""

import json
import re
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "pailou.json"
RULES = DEPLOY / "prometheus" / "alerts.yml"
_NAME = re.compile(r"\b(?:pailou|process)_[a-z_]+")


def dashboard_expressions() -> list[str]:
    """Of every panel, and of the variables."""
    whole = json.loads(DASHBOARD.read_text())
    variables = [v["query"]["query"] for v in whole["templating"]["list"] if v["type"] == "query"]
    return [target["expr"] for panel in whole["panels"] for target in panel.get("targets", ())] + variables


def rule_expressions() -> list[str]:
    """Of every alert."""
    return [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def metrics_named() -> set[str]:
    """Every metric that a panel, a variable or an alert asks for."""
    return {name for text in (*dashboard_expressions(), *rule_expressions()) for name in _NAME.findall(text)}


def metrics_in(exposition: str) -> set[str]:
    """Every name that a sample of these families may have."""
    names = set()
    for family, kind in re.findall(r"^# TYPE (\S+) (\S+)$", exposition, re.MULTILINE):
        names |= {family + part for part in ("_bucket", "_sum", "_count")} if kind == "histogram" else {family}
    return names
