/// A JSON object written key by key in one pass, in the order in which the documentation shows the keys; Foundation's
/// encoder costs several times as much and sorts or shuffles them.
package struct JSONText {
    private var text = "{"

    package init() {}

    package init(type: String) {
        add("type", type)
    }

    package mutating func add(_ key: StaticString, _ value: String) {
        begin(key)
        JSONText.append(quoted: value, to: &text)
    }

    package mutating func add(_ key: StaticString, raw value: String) {
        begin(key)
        text += value
    }

    package var finished: String { text + "}" }

    /// The object without its closing brace, for a last key that comes later.
    package var unfinished: String { text }

    private mutating func begin(_ key: StaticString) {
        if text.utf8.count > 1 { text += "," }
        text += "\"\(key)\":"
    }

    /// A string as JSON has it.
    package static func quoted(_ value: String) -> String {
        var text = ""
        append(quoted: value, to: &text)
        return text
    }

    /// Adds a value as JSON has it, the keys of objects sorted. JSON has no number that is not finite: it is `null`.
    package static func append(_ value: JSONValue, to text: inout String) {
        switch value {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .double(let value): text += value.isFinite ? String(value) : "null"
        case .string(let value): append(quoted: value, to: &text)
        case .array(let values):
            for (index, value) in values.enumerated() {
                text += index == 0 ? "[" : ","
                append(value, to: &text)
            }
            text += values.isEmpty ? "[]" : "]"
        case .object(let members):
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                text += index == 0 ? "{" : ","
                append(quoted: member.key, to: &text)
                text += ":"
                append(member.value, to: &text)
            }
            text += members.isEmpty ? "{}" : "}"
        }
    }

    /// RFC 8259 section 7: quotation mark, reverse solidus and the control characters must be escaped. So are DEL,
    /// the C1 controls and the line separators, which JSON allows and terminals or line readers obey.
    private static func append(quoted value: String, to text: inout String) {
        text += "\""
        if value.utf8.allSatisfy(isPlain) {
            text += value
        } else {
            for scalar in value.unicodeScalars { append(escaped: scalar, to: &text) }
        }
        text += "\""
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static func append(escaped scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        case _ where isControl(scalar) || scalar == "\u{2028}" || scalar == "\u{2029}":
            let digits = String(scalar.value, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: text.unicodeScalars.append(scalar)
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }
}
