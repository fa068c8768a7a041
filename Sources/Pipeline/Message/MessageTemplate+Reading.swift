extension MessageTemplate: SettingValue {
    /// Text with fields in it.
    public static var settingType: SettingType { .named("text with fields such as {{prompt}}", .string) }

    /// A string whose braces are closed.
    public static func read(_ node: Node, with reader: inout SettingReader) -> MessageTemplate? {
        guard let text = String.read(node, with: &reader) else { return nil }
        do throws(Problem) {
            let template = try MessageTemplate(text)
            reader.templates.insert(node.range)
            reader.note(template, at: node)
            return template
        } catch {
            reader.diagnostics.error(.badValue, at: node.range, "\(reader.subject) \(error)")
            return nil
        }
    }
}

extension SettingReader {
    /// Notes the fields of a template, for the wiring's diagnostics.
    fileprivate mutating func note(_ template: MessageTemplate, at node: Node) {
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
