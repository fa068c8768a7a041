import Pipeline

/// Writes a schema as JSON, with lines that people can compare: keys in the order of the alphabet, two spaces a level.
enum SchemaText {
    static func text(of node: SchemaNode) -> String {
        var text = ""
        append(node, to: &text, indentation: "")
        return text
    }

    private static func append(_ node: SchemaNode, to text: inout String, indentation: String) {
        switch node {
        case .text(let value): text += JSONText.quoted(value)
        case .int(let value): text += String(value)
        case .number(let value): text += value == value.rounded() ? String(Int(value)) : String(value)
        case .bool(let value): text += String(value)
        case .list(let nodes):
            append(nodes, "[", "]", to: &text, indentation: indentation) { node, text, inner in
                append(node, to: &text, indentation: inner)
            }
        case .object(let members):
            let sorted = members.sorted { $0.key < $1.key }
            append(sorted, "{", "}", to: &text, indentation: indentation) { member, text, inner in
                text += JSONText.quoted(member.key) + ": "
                append(member.value, to: &text, indentation: inner)
            }
        }
    }

    private static func append<Element>(
        _ elements: [Element], _ open: String, _ close: String, to text: inout String, indentation: String,
        _ body: (Element, inout String, String) -> Void
    ) {
        text += open
        let inner = indentation + "  "
        for (index, element) in elements.enumerated() {
            text += (index == 0 ? "\n" : ",\n") + inner
            body(element, &text, inner)
        }
        text += elements.isEmpty ? close : "\n" + indentation + close
    }
}
