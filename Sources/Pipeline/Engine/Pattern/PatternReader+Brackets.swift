extension PatternReader {
    /// A class in brackets.
    mutating func readBrackets() throws(Chain.PatternProblem) {
        let start = at
        at += 1
        let isNegated = peek() == "^"
        if isNegated { at += 1 }
        var items: [PatternSet.Item] = []
        let first = at
        while let scalar = peek(), scalar != "]" || at == first {
            if starts("&&", at: at) { throw Chain.PatternProblem(PatternConstruct.intersection, at: at..<at + 2) }
            if starts("[:", at: at), let end = endOfName {
                let inverse = peek(2) == "^" ? "[:" + text(at + 3..<end) : "[:^" + text(at + 2..<end)
                items.append(.named(text(at..<end), inverse: inverse))
                at = end
            } else if scalar == "\\", let letter = peek(1), "dDsSwWpP".unicodeScalars.contains(letter) {
                items.append(try readNamed())
            } else {
                guard let low = try readOne() else { return keepAll(from: start) }
                guard peek() == "-", let next = peek(1), next != "]" else {
                    items.append(.range(low, low))
                    continue
                }
                at += 1
                guard let high = try readOne(), low <= high else { return keepAll(from: start) }
                items.append(.range(low, high))
            }
        }
        guard peek() == "]" else { return keepAll(from: start) }
        at += 1
        add(items, isNegated: isNegated)
    }

    /// Where `[:alpha:]` ends.
    private var endOfName: Int? {
        guard scalars.count > at + 2 else { return nil }
        return (at + 2..<scalars.count).first { starts(":]", at: $0) }.map { $0 + 2 }
    }

    /// One character of a class; `nil` for what RE2 does not know either.
    private mutating func readOne() throws(Chain.PatternProblem) -> Unicode.Scalar? {
        guard let scalar = peek() else { return nil }
        guard scalar == "\\" else {
            at += 1
            return scalar
        }
        if peek(1) == "b" {
            throw Chain.PatternProblem(
                PatternConstruct(#"'\b' in a character class"#, #"write '\x08'"#), at: at..<at + 2)
        }
        try refuseUnknownEscape()
        guard let (scalar, length) = escapedScalar else { return nil }
        at += length
        return scalar
    }

    /// `\w`, or a property: `\pL`, `\p{Greek}`, `\P{^Greek}`.
    mutating func readNamed() throws(Chain.PatternProblem) -> PatternSet.Item {
        guard let letter = peek(1), letter == "p" || letter == "P" else {
            defer { at += 2 }
            return .shorthand(peek(1) ?? "w")
        }
        let start = at
        let isBraced = peek(2) == "{"
        let end = isBraced ? scalars[at...].firstIndex(of: "}") ?? scalars.count : at + 3
        var name = text(isBraced ? at + 3..<end : at + 2..<end)
        at = min(isBraced ? end + 1 : end, scalars.count)
        var isNegated = letter == "P"
        if name.unicodeScalars.first == "^" {
            name.unicodeScalars.removeFirst()
            isNegated.toggle()
        }
        let (yes, no) = (#"\p{\#(name)}"#, #"\P{\#(name)}"#)
        guard CharacterNames.holdsUnderscore(yes) != nil else {
            throw Chain.PatternProblem(PatternConstruct.property, at: start..<at)
        }
        return isNegated ? .named(no, inverse: yes) : .named(yes, inverse: no)
    }
}
