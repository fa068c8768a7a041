import Logging
import NIOCore
import Synchronization
import Testing

@testable import Server

@Suite("Refusals in the log")
struct RefusalLogTests {
    private final class Lines: Sendable {
        let lines = Mutex<[String]>([])
        var count: Int { lines.withLock(\.count) }
    }

    private let log = RefusalLog()
    private let lines = Lines()
    private let logger: Logger

    init() {
        let lines = lines
        logger = Logger(label: "test") { label in
            LogOutput(label: label, level: .info, format: .json) { line in lines.lines.withLock { $0.append(line) } }
        }
    }

    private func note(_ reason: String, at seconds: Int64) {
        log.note(reason, logger: logger, address: nil, now: .uptimeNanoseconds(0) + .seconds(1_000 + seconds))
    }

    @Test("are said once a minute each")
    func once() {
        for second in Int64(0)..<60 { note("a", at: second) }
        note("b", at: 30)
        #expect(lines.count == 2)
        note("a", at: 60)
        note("b", at: 60)
        #expect(lines.count == 3)
    }

    @Test("are 20 different ones a minute at most, whenever they come")
    func few() {
        for number in 0..<1_000 { note("\(number)", at: Int64(number) / 50) }
        #expect(lines.count == 20)
        note("later", at: 59)
        #expect(lines.count == 20)
        note("later", at: 61)
        #expect(lines.count == 21)
    }
}
