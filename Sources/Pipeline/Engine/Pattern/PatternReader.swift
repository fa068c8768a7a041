/// Reads a regular expression, names what RE2 has not, and writes it for RE2: for texts as they are, and for those in
/// the form of ``WordText``.
///
/// Whether the expression is well formed is for RE2 to say, of the plain form; here what is not is handed on as it is.
struct PatternReader {
    /// What `(?i)` and `(?s)` have switched on.
    private struct Flags {
        var ignoresCase = false
        var dotIsAll = false
    }

    let scalars: [Unicode.Scalar]
    var at = 0
    /// For texts as they are.
    private(set) var plain = ""
    private var body = ""
    /// Whether it has words or digits, so that texts must be encoded for it.
    private(set) var asksForWords = false

    private var flags = Flags()
    private var outerFlags: [Flags] = []

    init(_ expression: String) {
        scalars = Array(expression.unicodeScalars)
    }

    /// For encoded texts. RE2 would begin to search anywhere, also between two underscores, so it is told where.
    var encoded: String {
        #"\A"# + PatternSet([], isNegated: true).encoded + "*?(?:\(body))"
    }

    mutating func read() throws(Chain.PatternProblem) {
        while at < scalars.count {
            switch scalars[at] {
            case "\\": try readEscape()
            case "[": try readBrackets()
            case "(": try readGroup()
            case ")":
                guard let outer = outerFlags.popLast() else {
                    throw Chain.PatternProblem("is not a regular expression: unexpected )", at: at..<at + 1)
                }
                flags = outer
                keep(1)
            case "*", "+", "?":
                keep(1)
                try readAfterRepetition()
            case "{":
                if let length = lengthOfRepetition {
                    keep(length)
                    try readAfterRepetition()
                } else {
                    add(literal: "{", length: 1)
                }
            case ".":
                let items: [PatternSet.Item] = flags.dotIsAll ? [] : [.range("\n", "\n")]
                plain += "."
                body += PatternSet(items, isNegated: true, ignoresCase: flags.ignoresCase).encoded
                at += 1
            case "^", "$", "|": keep(1)
            default: add(literal: scalars[at], length: 1)
            }
        }
    }

    // MARK: - Writing

    /// Characters that mean the same for every text.
    mutating func keep(_ length: Int) {
        let text = self.text(at..<at + length)
        plain += text
        body += text
        at += length
    }

    /// What a class holds, or a letter behind a backslash.
    mutating func add(_ items: [PatternSet.Item], isNegated: Bool = false) {
        let set = PatternSet(items, isNegated: isNegated, ignoresCase: flags.ignoresCase)
        asksForWords = asksForWords || set.asksForWords
        plain += set.plain
        body += set.encoded
    }

    /// The rest, for RE2 to say what is wrong with it.
    mutating func keepAll(from start: Int) {
        at = start
        keep(scalars.count - start)
    }

    /// A character that means itself, by the so many that it is written with.
    private mutating func add(literal scalar: Unicode.Scalar, length: Int) {
        plain += text(at..<at + length)
        at += length
        body += written(scalar)
    }

    private func written(_ scalar: Unicode.Scalar) -> String {
        // With case ignored it may stand for one of another kind: PatternSet knows.
        if scalar == "_" || !scalar.isASCII || flags.ignoresCase && PatternSet.foldsBeyondASCII(scalar, scalar) {
            if !flags.ignoresCase, let kind = WordText.Kind(of: scalar) {
                return "(?:_\(Unicode.Scalar(kind.rawValue))\(PatternSet.written(scalar))_)"
            }
            return PatternSet([.range(scalar, scalar)], ignoresCase: flags.ignoresCase).encoded
        }
        return PatternSet.written(scalar)
    }

    // MARK: - Looking

    func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        at + distance < scalars.count ? scalars[at + distance] : nil
    }

    func text(_ range: Range<Int>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[range.clamped(to: 0..<scalars.count)])
        return String(text)
    }

    func starts(_ text: String, at start: Int) -> Bool {
        scalars[min(start, scalars.count)...].starts(with: text.unicodeScalars)
    }

    private func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ("0"..."9").contains($0) } ?? false }

    // MARK: - Repetitions and groups

    /// That of `{2}`, `{2,}` or `{2,3}`; any other brace means itself.
    private var lengthOfRepetition: Int? {
        var length = 1
        while isDigit(peek(length)) { length += 1 }
        guard length > 1 else { return nil }
        if peek(length) == "," {
            length += 1
            while isDigit(peek(length)) { length += 1 }
        }
        return peek(length) == "}" ? length + 1 : nil
    }

    private mutating func readAfterRepetition() throws(Chain.PatternProblem) {
        if peek() == "?" { return keep(1) }
        guard peek() == "+", at >= 2 else { return }
        throw Chain.PatternProblem(
            .possessive(scalars[at - 1] == "}" ? "{…}" : String(scalars[at - 1])), at: at - 1..<at + 1)
    }

    private mutating func readGroup() throws(Chain.PatternProblem) {
        let start = at
        if peek(1) == "*" { throw Chain.PatternProblem(PatternConstruct.verb, at: start..<start + 2) }
        guard peek(1) == "?" else {
            outerFlags.append(flags)
            return keep(1)
        }
        for (begin, construct) in PatternConstruct.groups where starts(begin, at: start + 2) {
            throw Chain.PatternProblem(construct, at: start..<start + 2 + begin.unicodeScalars.count)
        }
        if isDigit(peek(2)) || peek(2) == "+" || peek(2) == "-" && isDigit(peek(3)) {
            throw Chain.PatternProblem(PatternConstruct.recursion, at: start..<start + 3)
        }
        if starts("<", at: start + 2) || starts("P<", at: start + 2) { return keepName() }
        try readFlags()
    }

    /// A group's name, in either form; RE2 of Debian 12 knows the one with a P alone.
    private mutating func keepName() {
        outerFlags.append(flags)
        let end = scalars[at...].firstIndex(of: ">") ?? scalars.count - 1
        let name = text((scalars[at...].firstIndex(of: "<") ?? at) + 1..<end + 1)
        plain += "(?P<\(name)"
        body += "(?P<\(name)"
        at = end + 1
    }

    /// `(?i)`, which holds to the end of the group, or `(?i-s:`, which begins one.
    private mutating func readFlags() throws(Chain.PatternProblem) {
        var (inner, isOn, length) = (flags, true, 2)
        while let letter = peek(length), letter != ")", letter != ":" {
            switch letter {
            case "-": isOn = false
            case "i": inner.ignoresCase = isOn
            case "s": inner.dotIsAll = isOn
            case "m", "U": break
            default: throw Chain.PatternProblem(PatternConstruct.flag(letter), at: at + length..<at + length + 1)
            }
            length += 1
        }
        if peek(length) == ":" { outerFlags.append(flags) }
        flags = inner
        keep(min(length + 1, scalars.count - at))
    }

    // MARK: - Escapes

    private mutating func readEscape() throws(Chain.PatternProblem) {
        guard let letter = peek(1) else { return keep(1) }
        switch letter {
        case "d", "D", "w", "W", "s", "S", "p", "P":
            add([try readNamed()])
        case "b", "B":
            asksForWords = true
            keep(2)
        case "A", "z": keep(2)
        case "Q":
            plain += #"\Q"#
            at += 2
            while at < scalars.count, !starts(#"\E"#, at: at) { add(literal: scalars[at], length: 1) }
            plain += text(at..<at + 2)
            at += 2
        default:
            try refuseUnknownEscape()
            if let (scalar, length) = escapedScalar { return add(literal: scalar, length: length) }
            keep(2)
        }
    }

    /// Throws for an escape that other engines have.
    func refuseUnknownEscape() throws(Chain.PatternProblem) {
        guard let letter = peek(1) else { return }
        let isOctal = peek(2).map { ("0"..."7").contains($0) } ?? false
        if ("1"..."9").contains(letter), letter > "7" || !isOctal {
            throw Chain.PatternProblem(PatternConstruct.backReference, at: at..<at + 2)
        }
        if let construct = PatternConstruct.escape(letter) { throw Chain.PatternProblem(construct, at: at..<at + 2) }
    }

    /// The character that an escape stands for, and how long that is; `nil` where RE2 knows none either.
    var escapedScalar: (Unicode.Scalar, length: Int)? {
        guard let letter = peek(1) else { return nil }
        switch letter {
        case "a": return ("\u{7}", 2)
        case "f": return ("\u{C}", 2)
        case "n": return ("\n", 2)
        case "r": return ("\r", 2)
        case "t": return ("\t", 2)
        case "v": return ("\u{B}", 2)
        case "x":
            if peek(2) == "{" {
                let digits = scalars[(at + 3)...].prefix { $0 != "}" }
                return scalar(digits, radix: 16).map { ($0, 4 + digits.count) }
            }
            return scalar(scalars[(at + 2)...].prefix(2), radix: 16).map { ($0, 4) }
        case "0"..."7":
            let digits = scalars[(at + 1)...].prefix(3).prefix { ("0"..."7").contains($0) }
            return scalar(digits, radix: 8).map { ($0, 1 + digits.count) }
        default: return letter.isASCII && !letter.properties.isAlphabetic && !isDigit(letter) ? (letter, 2) : nil
        }
    }

    private func scalar(_ digits: ArraySlice<Unicode.Scalar>, radix: Int) -> Unicode.Scalar? {
        UInt32(text(digits.indices), radix: radix).flatMap(Unicode.Scalar.init)
    }
}
