extension Chain {
    /// A regular expression: RE2's, whose time is linear in the text's length, whatever expression and text.
    ///
    /// It works on Unicode scalars, and `\w`, `\d`, `\s` and `\b` have Unicode's meaning: `über` is one word. Any number of
    /// messages may use one at once.
    public final class Pattern: Sendable {
        /// How long a program may be: 64 KiB of text that suits it worst take some tenths of a second then.
        static let longest = 2_000

        /// How long an expression may be, in scalars: nobody needs to read so much to find that its program is too long.
        private static let longestText = 8_000

        private let program: PatternProgram
        private let readsWordText: Bool

        /// Compiles an expression in RE2's syntax.
        ///
        /// - Throws: What is wrong with the expression, or which construct RE2 has not.
        public init(_ expression: String) throws(Chain.PatternProblem) {
            guard expression.unicodeScalars.count <= Chain.Pattern.longestText else {
                throw Chain.PatternProblem.tooLong(nil)
            }
            var reading = PatternReader(expression)
            try reading.read()
            let reader = reading
            readsWordText = reader.asksForWords
            do throws(PatternProgram.Refusal) {
                let plain = Result { () throws(PatternProgram.Refusal) in try PatternProgram(reader.plain) }
                if readsWordText {
                    // RE2 says of the expression as it is what is wrong with it; how long that would be doesn't matter.
                    if case .failure(let refusal) = plain, !refusal.isOfTheLength { throw refusal }
                    program = try PatternProgram(reader.encoded)
                } else {
                    program = try plain.get()
                }
            } catch {
                throw Chain.PatternProblem(error, in: expression)
            }
            guard program.size <= Chain.Pattern.longest else { throw Chain.PatternProblem.tooLong(program.size) }
            if readsWordText { WordText.prepare() }
        }

        func matches(_ text: String) -> Bool {
            var text = text
            return text.withUTF8 { bytes in
                guard readsWordText, let encoded = WordText.encoded(bytes) else { return program.matches(bytes) }
                return encoded.withUnsafeBufferPointer(program.matches)
            }
        }
    }
}

extension PatternProgram.Refusal {
    fileprivate var isOfTheLength: Bool { reason.hasPrefix("pattern too large") }
}

extension Chain.PatternProblem {
    fileprivate init(_ refusal: PatternProgram.Refusal, in expression: String) {
        if refusal.isOfTheLength {
            self.init(Chain.PatternProblem.tooLong(nil).description)
            return
        }
        self.init("is not a regular expression: \(refusal.reason)", at: expression.place(of: refusal.fragment))
    }

    fileprivate static func tooLong(_ size: Int?) -> Chain.PatternProblem {
        Chain.PatternProblem(
            "is too long a regular expression: its program has \(size.map { "\($0)" } ?? "far more") instructions "
                + "\(size == nil ? "than" : "of") \(Chain.Pattern.longest) at most; repeat less, as in '{0,1000}', or name fewer "
                + "classes, as in '\\p{Lu}'")
    }
}

extension String {
    /// Where a part stands, counted in scalars; `nil` where that is not certain, and where it is the whole.
    fileprivate func place(of part: String) -> Range<Int>? {
        let (text, part) = (Array(unicodeScalars), Array(part.unicodeScalars))
        guard !part.isEmpty, part.count < text.count else { return nil }
        let starts = (0...text.count - part.count).filter { text[$0..<$0 + part.count].elementsEqual(part) }
        return starts.count == 1 ? starts[0]..<starts[0] + part.count : nil
    }
}
