import Cryptography
import Pipeline

/// What tells prompts apart without keeping long ones: the text itself, or the SHA-256 of a longer one.
enum PromptMark: Sendable, Hashable {
    case text(ExactText)
    case digest(TextDigest)

    init(_ prompt: String) {
        self = prompt.utf8.count <= 256 ? .text(ExactText(prompt)) : .digest(TextDigest(prompt))
    }

    /// How many bytes it keeps.
    var size: Int {
        switch self {
        case .text(let text): text.text.utf8.count
        case .digest: 32
        }
    }
}

/// The SHA-256 of texts in UTF-8, one behind the other with a byte 0 between them.
struct TextDigest: Sendable, Hashable {
    /// The first eight bytes first.
    let words: SIMD4<UInt64>

    init(words: SIMD4<UInt64>) { self.words = words }

    init(_ texts: String...) { self.init(texts) }

    init(_ texts: [String]) {
        var hashing = Hashing(.sha256)
        for (index, text) in texts.enumerated() {
            var text = text
            if index > 0 { withUnsafeBytes(of: 0 as UInt8) { hashing.add($0) } }
            text.withUTF8 { hashing.add(UnsafeRawBufferPointer($0)) }
        }
        var words = SIMD4<UInt64>()
        for (index, byte) in hashing.digest().enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
        self.words = words
    }
}
