/// One line of a file as people see it, for what is said about text that is no YAML.
struct SourceLine {
    /// From 1.
    let number: Int
    /// How many spaces it begins with.
    let indentation: Int
    /// What it says, without the spaces around it and without a comment.
    let text: String
    /// Whether it begins with the `-` of a list.
    let isItem: Bool
    /// What it says behind the `-`; the whole text of a line without one.
    let body: String
    /// The column at which ``body`` begins, from 1.
    let bodyColumn: Int

    /// `nil` for a line that says nothing, and past the end.
    init?(_ number: Int, of source: SourceFile) {
        guard let line = source.line(number) else { return nil }
        let scalars = Array(line.unicodeScalars)
        indentation = scalars.prefix { $0 == " " }.count
        let end = SourceLine.endOfText(in: scalars)
        guard end > indentation else { return nil }
        func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(scalars)) }
        self.number = number
        self.text = text(scalars[indentation..<end])
        isItem = scalars[indentation] == "-" && (indentation + 1 == end || scalars[indentation + 1] == " ")
        let behind = isItem ? scalars[(indentation + 1)..<end].prefix { $0 == " " }.count + 1 : 0
        body = text(scalars[min(end, indentation + behind)..<end])
        bodyColumn = indentation + behind + 1
    }

    /// Where the text ends: before a comment, and before the spaces at the end.
    private static func endOfText(in scalars: [Unicode.Scalar]) -> Int {
        let comment = scalars.indices.first { scalars[$0] == "#" && ($0 == 0 || scalars[$0 - 1] == " ") }
        var end = comment ?? scalars.count
        while end > 0, scalars[end - 1] == " " || scalars[end - 1] == "\r" { end -= 1 }
        return end
    }

    /// Where what it says behind the `-` is, or the first characters of it.
    func place(length: Int? = nil) -> SourceRange {
        SourceRange(
            at: SourceLocation(line: number, column: bodyColumn), length: max(1, length ?? body.unicodeScalars.count))
    }

    /// The letters, digits, `_` and `-` that the body begins with.
    var word: String { String(body.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }) }

    /// Whether it says one word and nothing else.
    var isBareWord: Bool { !word.isEmpty && word.count == body.count && word != "-" }
}

extension SourceFile {
    /// The nearest line above that says something.
    func line(above number: Int) -> SourceLine? {
        var number = number - 1
        while number > 0 {
            if let line = SourceLine(number, of: self) { return line }
            number -= 1
        }
        return nil
    }

    /// The nearest line above that begins with a `-`, no further than the key of the list that a line stands in.
    func item(above number: Int) -> SourceLine? {
        var next = line(above: number)
        while let line = next {
            if line.isItem { return line }
            if line.indentation == 0 { return nil }
            next = self.line(above: line.number)
        }
        return nil
    }
}
