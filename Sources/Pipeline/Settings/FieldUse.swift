/// A field of messages that a template names.
struct FieldUse: Sendable {
    /// The field.
    let field: Field
    /// Where the file names it.
    var place: SourceRange
    /// The setting, as the beginning of a sentence: `'prompt' of stage 'complete'`.
    let setting: String
    /// Whether the name comes out of a variable, whose value is never shown.
    let isFromVariable: Bool

    /// The same, reported at another place.
    func used(at place: SourceRange) -> FieldUse {
        var copy = self
        copy.place = place
        return copy
    }
}

extension SettingReader {
    /// Notes a field that is named by itself, for the wiring's diagnostics.
    package mutating func note(_ field: Field, at node: Node) {
        fieldUses.append(
            FieldUse(
                field: field, place: node.range, setting: subject,
                isFromVariable: node.scalar?.isInterpolated ?? false))
    }
}
