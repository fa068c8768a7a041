// A chain written in Swift names resources beside stages; one import is enough for that.
@_exported public import Resources
