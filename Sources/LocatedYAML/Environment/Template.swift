/// A text with variables, read but not filled in yet.
struct Template {
    /// What a text is made of.
    enum Part {
        case text(String)
        case variable(Variable)
    }

    /// A `${NAME}` or `${NAME:-default}`.
    struct Variable {
        let name: String
        let fallback: [Part]?
        /// Which `${` of the text it begins with, from 0; those that are no variables count too.
        let ordinal: Int
    }

    /// Why a `${` begins no variable.
    struct Malformed: Error {
        let ordinal: Int
        let message: String
    }

    /// How many defaults may stand inside each other; more are no text that a person wrote.
    private static let depthLimit = 16

    let parts: [Part]

    init(_ text: String) throws(Malformed) {
        var scanner = Scanner(bytes: Array(text.utf8))
        parts = try scanner.parts(depth: 0)
    }

    /// The names of its variables, those in defaults included.
    var variableNames: [String] { Template.names(in: parts) }

    private static func names(in parts: [Part]) -> [String] {
        parts.flatMap { part -> [String] in
            guard case .variable(let variable) = part else { return [] }
            return [variable.name] + names(in: variable.fallback ?? [])
        }
    }

    /// Where each `${` of a text begins and ends, in bytes; an unclosed one ends with its two characters.
    static func occurrences(in bytes: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var open: [Int] = []
        var offset = 0
        while offset < bytes.count {
            if let length = Scanner.opening(in: bytes, at: offset) {
                let start = offset + length - 2
                // A literal one, `$${`, needs no end.
                if length == 2 { open.append(found.count) }
                found.append(start..<start + 2)
                offset += length
                continue
            }
            if bytes[offset] == UInt8(ascii: "}"), let last = open.popLast() {
                found[last] = found[last].lowerBound..<offset + 1
            }
            offset += 1
        }
        return found
    }

    private struct Scanner {
        let bytes: [UInt8]
        var offset = 0
        var ordinal = 0

        /// The length of `${` or `$${` at an offset.
        static func opening(in bytes: [UInt8], at offset: Int) -> Int? {
            guard bytes[offset] == UInt8(ascii: "$"), offset + 1 < bytes.count else { return nil }
            if bytes[offset + 1] == UInt8(ascii: "{") { return 2 }
            let isLiteral =
                offset + 2 < bytes.count && bytes[offset + 1] == bytes[offset]
                && bytes[offset + 2] == UInt8(ascii: "{")
            return isLiteral ? 3 : nil
        }

        /// The parts up to the end of the text, or of the default that they are.
        mutating func parts(depth: Int) throws(Malformed) -> [Part] {
            var parts: [Part] = []
            var text: [UInt8] = []
            func flush() {
                if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
                text = []
            }
            while offset < bytes.count {
                if depth > 0, bytes[offset] == UInt8(ascii: "}") { break }
                switch Scanner.opening(in: bytes, at: offset) {
                case 2:
                    flush()
                    parts.append(.variable(try variable(depth: depth)))
                case 3:
                    text += "${".utf8
                    offset += 3
                    ordinal += 1
                default:
                    text.append(bytes[offset])
                    offset += 1
                }
            }
            flush()
            return parts
        }

        private mutating func variable(depth: Int) throws(Malformed) -> Variable {
            let ordinal = ordinal
            func malformed(_ message: String) -> Malformed { Malformed(ordinal: ordinal, message: message) }
            guard depth < Template.depthLimit else {
                throw malformed("more than \(Template.depthLimit) nested defaults")
            }
            self.ordinal += 1
            offset += 2
            let start = offset
            while offset < bytes.count, Scanner.isPartOfName(bytes[offset], isFirst: offset == start) { offset += 1 }
            let name = String(decoding: bytes[start..<offset], as: UTF8.self)
            let next = offset < bytes.count ? bytes[offset] : 0
            guard !name.isEmpty else {
                let rest = String(decoding: bytes[start...].prefix { $0 != UInt8(ascii: "}") }, as: UTF8.self)
                if let variable = ForeignVariable(in: rest.hasPrefix("{") ? "${\(rest)}}" : rest.trimmedSpaces) {
                    throw malformed("a variable is written '${\(variable.name)}'")
                }
                throw malformed(
                    next == UInt8(ascii: "}")
                        ? "'${}' needs a name; a literal '${' is written '$${'"
                        : "'${' must be followed by a name of letters, digits and '_'; a literal '${' is written '$${'")
            }
            if next == UInt8(ascii: "}") {
                offset += 1
                return Variable(name: name, fallback: nil, ordinal: ordinal)
            }
            guard next == UInt8(ascii: ":"), offset + 1 < bytes.count, bytes[offset + 1] == UInt8(ascii: "-") else {
                throw malformed(offset == bytes.count ? "'${\(name)' is not closed with '}'" : mistake(behind: name))
            }
            offset += 2
            let fallback = try parts(depth: depth + 1)
            guard offset < bytes.count else { throw malformed("'${\(name)' is not closed with '}'") }
            offset += 1
            return Variable(name: name, fallback: fallback, ordinal: ordinal)
        }

        /// What shells and others write between a variable's name and its '}'.
        private func mistake(behind name: String) -> String {
            let rest = String(decoding: bytes[offset...].prefix { $0 != UInt8(ascii: "}") }, as: UTF8.self)
            if let variable = ForeignVariable(in: name + rest), variable.isCertain {
                return "a variable is written '${\(variable.name)}'"
            }
            switch rest.first {
            case ":" where rest.hasPrefix(":?"), "?":
                return "a variable without a default must be set: write '${\(name)}'"
            case ":" where rest.hasPrefix(":="): return "a default is written '${\(name):-\(rest.dropFirst(2))}'"
            case "-", ":", "|", "=": return "a default is written '${\(name):-\(rest.drop { "-:|=".contains($0) })}'"
            case " ": return "a variable is written '${\(name)}', without spaces"
            default: return "expected '}' or ':-' and a default after '${\(name)'"
            }
        }

        private static func isPartOfName(_ byte: UInt8, isFirst: Bool) -> Bool {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): !isFirst
            default: false
            }
        }
    }
}

extension Node {
    /// The names of the variables in its values.
    package var variableNames: Set<String> {
        switch content {
        case .scalar(let scalar): Set((try? Template(scalar.written))?.variableNames ?? [])
        case .sequence(let elements): elements.reduce(into: []) { $0.formUnion($1.variableNames) }
        case .mapping(let entries): entries.reduce(into: []) { $0.formUnion($1.value.variableNames) }
        }
    }
}
