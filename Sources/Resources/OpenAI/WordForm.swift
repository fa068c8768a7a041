import Glibc
import Pipeline

/// What the events of an answer's words have in common: all but the word. An API writes them alike, so that one is read as
/// JSON and of those that follow no more than the word: that spares a third of what it costs to send a word on.
struct WordForm {
    /// Larger ones are not kept for as long as an answer takes.
    private static let longest = 1 << 10

    /// One of the events. It is this one and not its parts, so that nothing is made of each where none is like another.
    private let event: [UInt8]
    private let word: Range<Int>

    /// - Parameter chunk: What was read of the event; `nil` where others can't be told by it.
    init?(_ event: [UInt8], _ chunk: ChatChunk) {
        guard event.count <= Self.longest, chunk.isWordAlone, let word = chunk.word else { return nil }
        (self.event, self.word) = (event, word)
    }

    /// The word of an event that is like this one; `nil` where it is not, or the word is not written as it is.
    func word(in other: [UInt8]) -> String? {
        event.withUnsafeBytes { event in
            other.withUnsafeBytes { other in
                let end = other.count - (event.count - word.upperBound)
                guard end >= word.lowerBound, let start = event.baseAddress, let begin = other.baseAddress,
                    memcmp(start, begin, word.lowerBound) == 0,
                    memcmp(start + word.upperBound, begin + end, other.count - end) == 0
                else { return nil }
                let text = UnsafeRawBufferPointer(rebasing: other[word.lowerBound..<end])
                for byte in text where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    return nil
                }
                return String(strictUTF8: text)
            }
        }
    }
}
