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

    /// Notes the fields of a template, for the wiring's diagnostics.
    mutating func note(_ template: MessageTemplate, at node: Node) {
        let written = (try? MessageTemplate(node.scalar?.written ?? ""))?.fieldNames ?? []
        let names = template.fieldNames
        let places = node.scalar?.isInterpolated == true ? [] : diagnostics.source.templateFields(in: node.range)
        for (index, name) in names.enumerated() {
            guard let field = FieldPath(name).field else { continue }
            fieldUses.append(
                FieldUse(
                    field: field, place: places.count == names.count ? places[index] : node.range, setting: subject,
                    isFromVariable: node.scalar?.isInterpolated == true && !written.contains(name)))
        }
    }
}

extension SourceFile {
    /// Where each `{{…}}` of a range stands.
    fileprivate func templateFields(in range: SourceRange) -> [SourceRange] {
        let bytes = bytes(of: range)
        var found: [SourceRange] = []
        var start: Int?
        var offset = bytes.lowerBound
        while offset + 1 < bytes.upperBound {
            let pair = (index[offset], index[offset + 1])
            if start == nil, pair == (UInt8(ascii: "{"), UInt8(ascii: "{")) {
                start = offset
                offset += 1
            } else if let open = start, pair == (UInt8(ascii: "}"), UInt8(ascii: "}")) {
                found.append(
                    SourceRange(start: index.location(ofOffset: open), end: index.location(ofOffset: offset + 2)))
                start = nil
                offset += 1
            }
            offset += 1
        }
        return found
    }
}
