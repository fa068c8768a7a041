/// A variable as shells, Compose, GitHub, Python or Node write it, where a pipeline file has `${NAME}`.
package struct ForeignVariable {
    /// The variable's name.
    package let name: String
    /// Whether that it is one is certain: `$NAME` is, a name alone is only likely to be.
    package let isCertain: Bool

    /// What stands around the name, the longest first.
    private static let forms: [(before: String, after: String)] = [
        ("os.environ.get(\"", "\")"), ("os.environ.get('", "')"), ("os.environ[\"", "\"]"), ("os.environ['", "']"),
        ("os.getenv(\"", "\")"), ("os.getenv('", "')"), ("process.env.", ""), ("import.meta.env.", ""),
        ("secrets.", ""), ("env.", ""), ("ENV[\"", "\"]"), ("ENV['", "']"), ("$env:", ""), ("env:", ""),
        ("$(", ")"), ("%", "%"), ("$", ""),
    ]

    /// - Parameter text: The whole of a value; braces and spaces around it don't matter.
    package init?(in text: String) {
        var inner = text[...]
        var isInBraces = false
        if inner.hasPrefix("${{"), inner.hasSuffix("}}") { inner = inner.dropFirst() }
        if inner.hasPrefix("{{"), inner.hasSuffix("}}") {
            inner = inner.dropFirst(2).dropLast(2)
            isInBraces = true
        }
        let bare = inner.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
        let word = String(bare)
        if let name = Self.forms.lazy.compactMap({ Self.name(in: word, $0) }).first {
            (self.name, isCertain) = (name, true)
        } else if Self.isVariable(word), isInBraces || Self.looksLikeOne(word) {
            (name, isCertain) = (word, isInBraces)
        } else {
            return nil
        }
    }

    private static func name(in word: String, _ form: (before: String, after: String)) -> String? {
        guard word.hasPrefix(form.before), word.hasSuffix(form.after),
            word.count > form.before.count + form.after.count
        else { return nil }
        let name = String(word.dropFirst(form.before.count).dropLast(form.after.count))
        return isVariable(name) ? name : nil
    }

    /// `OPENAI_API_KEY`: capitals, as variables have them; a password may begin with '$', too.
    private static func isVariable(_ name: String) -> Bool {
        let isName = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isName && name.count > 1 && name.contains { $0.isLetter } && name.first?.isNumber == false
    }

    /// The name of a variable without anything that says so, where a secret should stand.
    private static func looksLikeOne(_ name: String) -> Bool {
        ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_URL"].contains { name.hasSuffix($0) }
    }
}
