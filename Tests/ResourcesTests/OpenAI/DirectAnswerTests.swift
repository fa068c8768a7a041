import HTTPClient
import Pipeline
import Synchronization
import Testing

@testable import Resources

@Suite("Answers whose pieces are taken by who brings them")
struct DirectAnswerTests {
    private final class Receiver: PieceReceiver {
        private let state = Mutex<(pieces: [String], room: Int)>(([], .max))

        var pieces: [String] { state.withLock(\.pieces) }
        var hasRoom: Bool { state.withLock { $0.room > 0 } }

        func makeRoom(_ room: Int) { state.withLock { $0.room = room } }

        func takeAtOnce(_ piece: String) throws -> Bool {
            state.withLock {
                guard $0.room > 0 else { return false }
                $0.room -= 1
                $0.pieces.append(piece)
                return true
            }
        }

        nonisolated(nonsending) func take(_ piece: String) async throws {}
    }

    private let receiver = Receiver()
    private let answer: DirectAnswer

    init() {
        answer = DirectAnswer(hiding: ReportedReason(), for: receiver)
    }

    private func come(_ text: String) -> HTTPBody.Taken { Array(text.utf8).withUnsafeBytes { answer.take($0) } }

    private func event(_ content: String, _ key: String = "content") -> String {
        #"data: {"choices":[{"delta":{"\#(key)":"\#(content)"}}]}"# + "\n\n"
    }

    @Test("pieces are handed on as they come, wherever their bytes are cut, until the answer is over")
    func pieces() throws {
        let text = event("one ") + event("two ")
        #expect(come(String(text.prefix(60))) == .all)
        #expect(come(String(text.dropFirst(60))) == .all)
        #expect(!answer.isOver)
        #expect(come(event("three") + "data: [DONE]\n\n") == .some)
        #expect(receiver.pieces == ["one ", "two ", "three"])
        #expect(try answer.handOn() == nil)
        #expect(answer.isOver)
    }

    @Test("a piece for which there is no room is the task's, with those behind it")
    func noRoom() throws {
        receiver.makeRoom(1)
        #expect(come(event("one ") + event("two ") + event("three")) == .some)
        #expect(receiver.pieces == ["one "])
        #expect([try answer.handOn(), try answer.handOn(), try answer.handOn()] == ["two ", "three", nil])
        #expect(come(event("four")) == .none)
        try answer.append(Array(event("four").utf8))
        #expect(try answer.handOn() == "four")
        receiver.makeRoom(9)
        #expect(come(event("five")) == .all)
        #expect(receiver.pieces == ["one ", "five"])
    }

    @Test("an error in the stream is the task's to throw, after the pieces before it")
    func failure() {
        #expect(come(event("one ") + "data: {\"error\": {\"message\": \"overloaded\"}}\n\n") == .some)
        #expect(receiver.pieces == ["one "])
        #expect(!answer.isOver)
        #expect(throws: PipelineError.self) { try answer.handOn() }
    }

    @Test("that the model thinks is said once")
    func thinking() {
        #expect(come(event("hm", "reasoning_content")) == .all)
        #expect(come(event("hm", "reasoning_content")) == .all)
        #expect(come(event("one")) == .all)
        #expect(receiver.pieces == ["", "one"])
    }

    @Test("without a receiver all bytes are the task's")
    func nobody() throws {
        let answer = DirectAnswer(hiding: ReportedReason(), for: nil)
        let bytes = Array(event("one").utf8)
        #expect(bytes.withUnsafeBytes { answer.take($0) } == .none)
        try answer.append(bytes)
        #expect(try answer.handOn() == "one")
    }
}
