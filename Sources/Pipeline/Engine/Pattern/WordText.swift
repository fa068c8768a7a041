/// How a text is given to RE2 where a pattern asks for words or digits.
///
/// RE2's `\w`, `\d` and `\b` know ASCII alone, and Unicode's letters are a thousand instructions wherever a pattern
/// names them. So what counts as part of a word beyond ASCII stands between underscores, behind a letter that says what
/// it is: `ü` becomes `_lü_`. An underscore becomes `__`, and everything else stays. Then any letter is four bytes or
/// more that begin and end with an ASCII word character, so that RE2's own `\b` is between the right scalars.
enum WordText {
    /// What a part of a word beyond ASCII is: UTS #18, annex C, says which scalars these are.
    enum Kind: UInt8, CaseIterable {
        case upper = 0x75  // u
        case lower = 0x6C  // l
        case letter = 0x6F  // o
        case digit = 0x64  // d
        case mark = 0x6D  // m
        case other = 0x77  // w

        /// `nil` for what is in ASCII or no part of a word.
        init?(of scalar: Unicode.Scalar) {
            guard scalar.value >= 0x80 else { return nil }
            if scalar.value <= 0xFFFF {
                self.init(rawValue: WordText.table[Int(scalar.value)])
            } else {
                self.init(lookingUp: scalar)
            }
        }

        fileprivate init?(lookingUp scalar: Unicode.Scalar) {
            let properties = scalar.properties
            switch properties.generalCategory {
            case .uppercaseLetter: self = .upper
            case .lowercaseLetter: self = .lower
            case .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
            case .decimalNumber: self = .digit
            case .nonspacingMark, .spacingMark, .enclosingMark: self = .mark
            case .connectorPunctuation: self = .other
            default:
                guard properties.isAlphabetic || properties.isJoinControl else { return nil }
                self = .other
            }
        }
    }

    static let underscore = UInt8(ascii: "_")

    /// The kinds of the basic plane, 0 for none: looked up once, not for each character of each message.
    fileprivate static let table: [UInt8] = (0...0xFFFF as ClosedRange<UInt32>).map { value in
        guard value >= 0x80, let scalar = Unicode.Scalar(value) else { return 0 }
        return Kind(lookingUp: scalar)?.rawValue ?? 0
    }

    /// Makes the table, so that no message waits for it.
    static func prepare() { _ = table }

    /// The text as RE2 gets it; `nil` where that is the text itself.
    static func encoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard let first = text.firstIndex(where: { $0 >= 0x80 || $0 == underscore }) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(first + (text.count - first) * 5 / 2)
        result += text[..<first]
        var at = first
        while at < text.count {
            let byte = text[at]
            if byte < 0x80 {
                if byte == underscore { result.append(underscore) }
                result.append(byte)
                at += 1
                continue
            }
            let (scalar, length) = scalar(in: text, at: at)
            let bytes = text[at..<at + length]
            if let kind = Kind(of: scalar) {
                result.append(underscore)
                result.append(kind.rawValue)
                result += bytes
                result.append(underscore)
            } else {
                result += bytes
            }
            at += length
        }
        return result
    }

    /// The scalar that begins at a byte. Strings are well formed, so the bytes that its first one promises are there.
    private static func scalar(in text: UnsafeBufferPointer<UInt8>, at start: Int) -> (Unicode.Scalar, length: Int) {
        let first = UInt32(text[start])
        let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        var value = first & (0xFF >> (UInt32(length) + 1))
        for byte in text[start + 1..<start + length] { value = value << 6 | UInt32(byte & 0x3F) }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
    }
}
