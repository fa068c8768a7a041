/// Some characters of an expression, `\w`, `[^a-z_]` or `.`, written for RE2: as they are, and for texts in the form of
/// ``WordText``.
struct PatternSet {
    /// What stands in brackets.
    enum Item {
        case range(Unicode.Scalar, Unicode.Scalar)
        /// `\d`, `\D`, `\s`, `\S`, `\w` or `\W`, by its letter.
        case shorthand(Unicode.Scalar)
        /// A property, `\p{Greek}`, or one of POSIX, `[:alpha:]`, and the same for what it does not hold.
        case named(String, inverse: String)
    }

    private static let all = Set(WordText.Kind.allCases)
    private static let letters: Set<WordText.Kind> = [.upper, .lower, .letter]
    /// Any scalar beyond ASCII.
    private static let beyond = #"[\x80-\x{10FFFF}]"#
    /// Unicode's White_Space.
    private static let space = #"\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"#
    /// What is left of all scalars.
    private static let noSpaceBeyond =
        #"\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}"#
        + #"\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF}"#

    /// Whether it holds what its items do not.
    private let isNegated: Bool
    private let ignoresCase: Bool

    /// In brackets for texts as they are.
    private var plainItems = ""
    /// In brackets for what stands in an encoded text as it is; never the underscore.
    private var bare = ""
    /// Further brackets of the same kind, for names that hold the underscore: it can't be taken out within brackets.
    private var bareOthers: [String] = []
    private var holdsUnderscore = false
    /// The kinds of which all are held.
    private var whole: Set<WordText.Kind> = []
    /// In brackets for what is between underscores, where only some of a kind are held.
    private var some = ""
    private var someOthers: [String] = []

    /// Whether a text in its own form would do, without Unicode's meaning of words and digits being lost.
    private(set) var asksForWords = false

    init(_ items: [Item], isNegated: Bool = false, ignoresCase: Bool = false) {
        self.isNegated = isNegated
        self.ignoresCase = ignoresCase
        for item in items {
            switch item {
            case .range(let low, let high): add(low, high)
            case .shorthand(let letter): add(shorthand: letter)
            case .named(let name, let inverse): add(name, inverse)
            }
        }
    }

    /// For texts as they are.
    var plain: String { "[\(isNegated ? "^" : "")\(plainItems)]" }

    /// For encoded texts; one atom, so that a repetition may follow.
    var encoded: String {
        var parts: [String] = []
        let left = PatternSet.all.subtracting(whole)
        if isNegated {
            parts.append("[^\(bare)_]")
            if !holdsUnderscore { parts.append("__") }
            if !left.isEmpty { parts.append(between(left, some.isEmpty ? PatternSet.beyond : "[^\(some)_]")) }
        } else {
            if !bare.isEmpty { parts.append("[\(bare)]") }
            parts += bareOthers
            if holdsUnderscore { parts.append("__") }
            if !whole.isEmpty { parts.append(between(whole, PatternSet.beyond)) }
            if !left.isEmpty {
                if !some.isEmpty { parts.append(between(left, "[\(some)]")) }
                parts += someOthers.map { between(left, $0) }
            }
        }
        return parts.count == 1 && parts[0].hasPrefix("[") ? parts[0] : "(?:\(parts.joined(separator: "|")))"
    }

    /// One scalar beyond ASCII, as it stands in an encoded text.
    private func between(_ kinds: Set<WordText.Kind>, _ scalar: String) -> String {
        let letters = kinds.map(\.rawValue).sorted().map { String(UnicodeScalar($0)) }.joined()
        return "_\(kinds.count == 1 ? letters : "[\(letters)]")\(scalar)_"
    }

    private mutating func add(_ low: Unicode.Scalar, _ high: Unicode.Scalar) {
        plainItems += PatternSet.written(low, high)
        var parts = [(low, high)]
        if low <= "_", high >= "_" {
            holdsUnderscore = true
            parts = []
            if low < "_" { parts.append((low, "^")) }
            if high > "_" { parts.append(("`", high)) }
        }
        for (low, high) in parts {
            let text = PatternSet.written(low, high)
            bare += text
            if high.value >= 0x80 || ignoresCase && PatternSet.foldsBeyondASCII(low, high) { some += text }
        }
    }

    private mutating func add(shorthand letter: Unicode.Scalar) {
        switch letter {
        case "w": add(plain: #"\w"#, bare: "0-9A-Za-z", underscore: true, PatternSet.all)
        case "W": add(plain: #"\W"#, bare: #"\x00-/:-@\[-^`{-\x{10FFFF}"#, underscore: false, [])
        case "d": add(plain: #"\d"#, bare: "0-9", underscore: false, [.digit])
        case "D":
            add(
                plain: #"\D"#, bare: #"\x00-/:-^`-\x{10FFFF}"#, underscore: true, PatternSet.all.subtracting([.digit]))
        case "s":
            add(plain: PatternSet.space, bare: PatternSet.space, underscore: false, [], asksForWords: false)
        default:
            add(
                plain: #"\x00-\x08\x0E-\x1F!-\x{84}"# + PatternSet.noSpaceBeyond,
                bare: #"\x00-\x08\x0E-\x1F!-^`-\x{84}"# + PatternSet.noSpaceBeyond, underscore: true, PatternSet.all,
                asksForWords: false)
        }
    }

    private mutating func add(
        plain: String, bare: String, underscore: Bool, _ kinds: Set<WordText.Kind>, asksForWords asks: Bool = true
    ) {
        plainItems += plain
        self.bare += bare
        holdsUnderscore = holdsUnderscore || underscore
        whole.formUnion(kinds)
        asksForWords = asksForWords || asks
    }

    /// Letters and digits are known by their kinds; any other name is looked up by RE2, in both forms.
    private mutating func add(_ name: String, _ inverse: String) {
        switch name {
        case #"\p{L}"#: return add(plain: name, bare: "A-Za-z", underscore: false, PatternSet.letters)
        case #"\p{Nd}"#: return add(plain: name, bare: "0-9", underscore: false, [.digit])
        case #"\p{Lu}"# where !ignoresCase: return add(plain: name, bare: "A-Z", underscore: false, [.upper])
        case #"\p{Ll}"# where !ignoresCase: return add(plain: name, bare: "a-z", underscore: false, [.lower])
        case #"\p{M}"#: return add(plain: name, bare: "", underscore: false, [.mark])
        case #"\P{M}"#:
            let rest = PatternSet.all.subtracting([.mark])
            return add(plain: name, bare: #"\x00-^`-\x{10FFFF}"#, underscore: true, rest)
        case #"\P{L}"#:
            let rest = PatternSet.all.subtracting(PatternSet.letters)
            return add(plain: name, bare: #"\x00-@\[-^`{-\x{10FFFF}"#, underscore: true, rest)
        default: break
        }
        plainItems += name
        let hasUnderscore = CharacterNames.holdsUnderscore(name) ?? false
        holdsUnderscore = holdsUnderscore || hasUnderscore
        if hasUnderscore && !isNegated {
            bareOthers.append("[^\(inverse)_]")
            someOthers.append("[^\(inverse)_]")
        } else {
            bare += name
            if !name.hasPrefix("[:") || name.hasPrefix("[:^") || ignoresCase { some += name }
        }
    }

    /// Whether, with case ignored, a range holds more than ASCII has: U+212A is a `K`, U+017F an `s`.
    static func foldsBeyondASCII(_ low: Unicode.Scalar, _ high: Unicode.Scalar) -> Bool {
        "KSks".unicodeScalars.contains { low <= $0 && $0 <= high }
    }

    /// A scalar that means nothing but itself.
    static func written(_ scalar: Unicode.Scalar) -> String {
        let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
        return isPlain ? String(scalar) : "\\x{\(String(scalar.value, radix: 16, uppercase: true))}"
    }

    private static func written(_ low: Unicode.Scalar, _ high: Unicode.Scalar) -> String {
        low == high ? written(low) : "\(written(low))-\(written(high))"
    }
}
