import Pipeline
import Testing

@testable import Server

@Suite("What waits for its turn")
struct InboxTests {
    private func frame(_ text: String, _ clientID: String?) -> Inbox.WaitingFrame {
        Inbox.WaitingFrame(
            id: .random(), receivedAt: .now, text: text, clientID: clientID,
            prompt: clientID.map { _ in PromptMark(text) })
    }

    @Test("is counted in bytes until it is taken out, by its turn or by its id")
    func bytes() {
        var inbox = Inbox()
        inbox.append(frame("12345", nil))
        inbox.append(frame("123", "c-1"))
        inbox.append(frame("1", "c-2"))
        #expect(inbox.bytes == 5 + 6 + 4)
        #expect(inbox.remove(clientID: "c-3") == nil)
        #expect(inbox.remove(clientID: "c-1")?.text == "123")
        #expect(inbox.bytes == 9)
        #expect(inbox.popFirst()?.text == "12345")
        #expect(inbox.popFirst()?.text == "1")
        #expect(inbox.popFirst() == nil)
        #expect(inbox.bytes == 0 && inbox.isEmpty)
    }

    @Test("is known by the bytes of its id and its prompt")
    func sameMessage() {
        var inbox = Inbox()
        inbox.append(frame("\u{E9}", "\u{E9}"))
        #expect(inbox.holds(clientID: "\u{E9}", PromptMark("\u{E9}")))
        #expect(!inbox.holds(clientID: "\u{E9}", PromptMark("e\u{301}")))
        #expect(!inbox.holds(clientID: "e\u{301}", PromptMark("\u{E9}")))
        #expect(inbox.remove(clientID: "e\u{301}") == nil)
        #expect(inbox.count == 1)
    }
}
