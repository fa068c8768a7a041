// Authors of stages read settings with what diagnostics and located values are made of.
@_exported public import LocatedYAML
