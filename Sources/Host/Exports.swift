// A host of one's own names `Stage` and `Resource` in its first line; one import is enough for that.
@_exported public import Pipeline
