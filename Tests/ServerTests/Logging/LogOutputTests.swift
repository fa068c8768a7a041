import Foundation
import Logging
import Pipeline
import Synchronization
import Testing

@testable import Server

@Suite("The log")
struct LogOutputTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private func logged(_ format: LogOutput.Format, _ body: (Logger) -> Void) -> [String] {
        let lines = Lines()
        let logger = Logger(label: "test") { label in
            LogOutput(label: label, level: .info, format: format) { line in lines.all.withLock { $0.append(line) } }
        }
        body(logger)
        return lines.all.withLock(\.self)
    }

    private let hostile = "a\r\nforged line\u{1B}[31m \"quoted\" \u{2028}"

    @Test("an entry is one line whatever its values hold", arguments: [LogOutput.Format.lines, .json])
    func oneLine(format: LogOutput.Format) {
        let lines = logged(format) { $0.error("\(hostile)", metadata: ["prompt": "\(hostile)"]) }
        #expect(lines.count == 1)
        #expect(
            lines.allSatisfy { !$0.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{2028}" && format == .lines } }
        )
    }

    @Test("JSON lines can be read back")
    func json() throws {
        let lines = logged(.json) { $0.error("\(hostile)", metadata: ["code": "busy", "prompt": "\(hostile)"]) }
        let entry = try JSONDecoder().decode([String: String].self, from: Data(lines[0].utf8))
        #expect(entry["level"] == "error")
        #expect(entry["message"] == hostile)
        #expect(entry["prompt"] == hostile)
        #expect(entry["code"] == "busy")
    }

    @Test("a failed message is one entry with its ids, stage and code")
    func failure() throws {
        let message = Message(prompt: "secret prompt")
        let lines = logged(.json) { $0.failure(.modelKeyMissing, of: message) }
        #expect(lines.count == 1)
        let entry = try JSONDecoder().decode([String: String].self, from: Data(lines[0].utf8))
        #expect(entry["message_id"] == message.id.description)
        #expect(entry["session_id"] == message.session.id)
        #expect(entry["code"] == "model_key_missing")
        #expect(!lines[0].contains("secret prompt"))
    }

    @Test("what is below the level is left out")
    func level() {
        #expect(logged(.lines) { $0.debug("quiet") } == [])
    }
}
