import CPattern

/// An expression that RE2 has compiled.
final class PatternProgram: Sendable {
    /// What a program and what matching remembers of it may take together, in bytes. Past it RE2 begins to remember anew,
    /// or walks through the program without remembering.
    private static let memory: Int64 = 8 << 20

    /// Never written to; what RE2 remembers while it matches is behind locks of its own.
    nonisolated(unsafe) private let program: OpaquePointer

    /// Why RE2 refuses an expression.
    struct Refusal: Error {
        /// `missing )`.
        let reason: String
        /// The part that it is about; empty where it is about all of it.
        let fragment: String
    }

    init(_ expression: String) throws(Refusal) {
        var (expression, problem, fragment) = (
            expression, [CChar](repeating: 0, count: 128), [CChar](repeating: 0, count: 128)
        )
        let program = expression.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                stagecoach_pattern_compile(
                    $0.baseAddress, $0.count, PatternProgram.memory, &problem, problem.count, &fragment, fragment.count)
            }
        }
        guard let program else {
            func text(_ bytes: [CChar]) -> String {
                String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            }
            throw Refusal(reason: text(problem), fragment: text(fragment))
        }
        self.program = program
    }

    deinit { stagecoach_pattern_free(program) }

    /// How many instructions it has: what a character costs at worst.
    var size: Int { Int(stagecoach_pattern_size(program)) }

    /// Whether it matches somewhere in a text.
    func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.withMemoryRebound(to: CChar.self) { stagecoach_pattern_matches(program, $0.baseAddress, $0.count) }
    }
}
