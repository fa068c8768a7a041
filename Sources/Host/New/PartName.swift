/// The name of a new stage or resource in its three spellings: `WordCount` in Swift, `word_count` in pipeline files, `word-count` for
/// files and packages.
struct PartName {
    let type: String
    let words: [String]

    var inFiles: String { words.joined(separator: "_") }

    var ofPackage: String { words.joined(separator: "-") }

    var host: String { "\(type)Host" }

    /// Types that what is written names, and what Swift keeps for itself.
    private static let taken: Set<String> = [
        "Any", "Chain", "Completion", "CompletionRequest", "Host", "Message", "Model", "Pipeline", "Protocol",
        "Resource", "Row", "RowStore", "Self", "Setting", "Stage",
        "StagecoachHost", "State", "String", "Suite", "Test", "Type", "Uses",
    ]

    /// A name as it was typed.
    ///
    /// - Parameters:
    ///   - noun: What it is the name of, such as `stage`.
    ///   - others: The names in pipeline files that are taken.
    init(_ typed: String, of noun: String = "stage", besides others: Set<String>) throws(NewProblem) {
        let words = Self.words(of: typed)
        let proposal = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        guard let first = proposal.utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else {
            throw NewProblem(
                "'\(typed)' is no name for a \(noun): it begins with a letter of A to Z, such as 'WordCount'")
        }
        let isType = typed.utf8.allSatisfy(Self.isLetterOrDigit) && typed.first?.isUppercase == true
        guard isType else {
            throw NewProblem("'\(typed)' is no name for a Swift type: capitals begin its words; try '\(proposal)'")
        }
        (type, self.words) = (typed, words)
        if Self.taken.contains(typed) {
            throw NewProblem("'\(typed)' is a type of Swift or Stagecoach; try 'My\(typed)'")
        }
        if others.contains(inFiles) {
            throw NewProblem("pipeline files have '\(inFiles)' already; try 'My\(typed)'")
        }
    }

    /// `HTTPCall` and `http-call` are `http` and `call`.
    private static func words(of typed: String) -> [String] {
        let bytes = Array(typed.utf8)
        var words: [String] = []
        var word = ""
        for (index, byte) in bytes.enumerated() {
            guard isLetterOrDigit(byte) else {
                if !word.isEmpty { words.append(word) }
                word = ""
                continue
            }
            let isCapital = isCapital(byte)
            let endsRun = index + 1 < bytes.count && bytes[index + 1] > 0x60
            if isCapital, index > 0, !word.isEmpty, !Self.isCapital(bytes[index - 1]) || endsRun {
                words.append(word)
                word = ""
            }
            word.append(String(UnicodeScalar(byte)).lowercased())
        }
        return words + (word.isEmpty ? [] : [word])
    }

    private static func isCapital(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isCapital(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}
