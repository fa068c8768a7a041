import Foundation
import FuzzTargets
import TestRandom
import Testing

@Suite("What is fuzzed")
struct FuzzCorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "FuzzTargets/Corpus")

    /// A target traps where a promise is broken, so that it is enough to come to the end.
    @Test("keeps its promises for every input that is kept", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let folder = Self.folder.appending(path: target.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(!names.isEmpty)
        for name in names { target.run(Array(try Data(contentsOf: folder.appending(path: name)))) }
    }

    @Test("keeps them for changed ones", arguments: FuzzTarget.allCases)
    func mutations(target: FuzzTarget) async throws {
        let folder = Self.folder.appending(path: target.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let inputs = try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) }
        var random = SplitMix(seed: 1)
        for number in 0..<rounds(1_000, usually: 250) {
            await Task.yield()
            var bytes = inputs[number % inputs.count]
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: index)
                default: bytes.removeSubrange(index...)
                }
            }
            target.run(bytes)
        }
    }
}
