import Testing

@testable import Stages

@Suite("Lines of a program")
struct LinesTests {
    private func lines(_ pieces: [String]) -> (lines: [String], rest: Int) {
        var buffer = LineBuffer()
        var lines: [String] = []
        for var piece in pieces {
            piece.withUTF8 { bytes in
                buffer.append(UnsafeRawBufferPointer(bytes)) { lines.append(String(decoding: $0, as: UTF8.self)) }
            }
        }
        return (lines, buffer.count)
    }

    @Test("come whole, however the bytes are cut")
    func cuts() {
        let text = "one\n\ntwo\nthree"
        for cut in 0...text.count {
            for second in cut...text.count {
                let pieces = [text.prefix(cut), text.prefix(second).dropFirst(cut), text.dropFirst(second)]
                let found = lines(pieces.map(String.init))
                #expect(found.lines == ["one", "", "two"])
                #expect(found.rest == 5)
            }
        }
    }

    @Test("on standard error are cut at 4 KiB and at 100 a second, which the log says")
    func flood() {
        var errors = ErrorLines()
        var log: [String] = []
        func write(_ text: String, now: UInt64) {
            var text = text
            text.withUTF8 { errors.append(UnsafeRawBufferPointer($0), now: now) { log.append($0) } }
        }
        write(String(repeating: "x", count: 10_000), now: 0)
        #expect(log == [String(repeating: "x", count: 4_096) + "…"])
        write(String(repeating: "y\n", count: 149), now: 0)
        #expect(log.count == 100)
        write("z\n", now: 1_000_000_000)
        #expect(log.suffix(2) == ["50 lines were left out", "z"])
    }
}
