"""What the project holds itself to: ratios within one run, and plain limits."""


class Target:
    """A figure of one server, at most or at least so many times that of another, or a plain limit."""

    def __init__(self, scenario, figure, relation, wanted, of=None, server="stagecoach", in_scenario=None,
                 of_figure=None):
        self.scenario, self.figure, self.relation, self.wanted = scenario, figure, relation, wanted
        self.of, self.server, self.in_scenario = of, server, in_scenario or scenario
        self.of_figure = of_figure or figure

    def value(self, median):
        own = median(self.scenario, self.server, self.figure)
        other = 1 if self.of is None else median(self.in_scenario, self.of, self.of_figure)
        return None if own is None or other is None else own / max(1e-9, other)

    def text(self):
        times = f"× {self.of}" + (f" in '{self.in_scenario}'" if self.in_scenario != self.scenario else "")
        server = "" if self.server == "stagecoach" else f"{self.server}, "
        return f"{self.scenario}: {server}{self.figure}", times if self.of else ""

    def is_met(self, value):
        return value >= self.wanted if self.relation == ">=" else value <= self.wanted


class Beyond(Target):
    """By how much a figure is more than another server's."""

    def value(self, median):
        own, other = median(self.scenario, self.server, self.figure), median(self.in_scenario, self.of, self.figure)
        return None if own is None or other is None else own - other

    def text(self):
        what, _ = super().text()
        return what, f"more than {self.of}"


def not_slower(scenario, figures):
    """A build beside the one before: five per cent are the noise of a run."""
    relations = [(figure, relation, wanted) for figure, relation, wanted in
                 (("rate", ">=", 0.95), ("cpu", "<=", 1.05)) if figure in figures]
    return [Target(scenario.name, figure, relation, wanted, server=server.name, of=f"{server.name}, before")
            for server in scenario.servers if server.is_ours for figure, relation, wanted in relations]
