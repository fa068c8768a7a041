/// The keys that may stand beside every stage in a pipeline file.
package enum ModifierNames {
    package static let all = ["label", "async", "timeout", "retry", "when", "on_error"]
}
