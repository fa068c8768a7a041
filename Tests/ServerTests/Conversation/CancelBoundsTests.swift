import NIOCore
import NIOEmbedded
import Pipeline
import Testing

@testable import Server

@Suite("A cancel for another connection of a session")
struct CancelBoundsTests {
    /// Notes what it is to cancel.
    private final class Conversation: ConnectedConversation, UnattendedConversation {
        private(set) var cancelled: [String] = []

        func cancel(_ clientID: String, of userID: String?) { cancelled.append(clientID) }
        func cancel(_ clientID: String) { cancelled.append(clientID) }
        func giveUp() {}
    }

    private let loop = EmbeddedEventLoop()

    private func key(_ id: String) throws -> SessionKey {
        SessionKey(try ServedPipeline.forTests(), Session(id: id))
    }

    @Test("goes to the eight connections that came last, and to no more")
    func connected() throws {
        let (connected, mine) = (ConnectedConversations(), try key("a"))
        let conversations = (0..<20).map { _ in Conversation() }
        for conversation in conversations { connected.add(NIOLoopBound(conversation, eventLoop: loop), of: mine) }
        let other = Conversation()
        connected.add(NIOLoopBound(other, eventLoop: loop), of: try key("b"))
        connected.cancel("x", of: mine, userID: nil)
        loop.run()
        #expect(conversations.map(\.cancelled.count) == Array(repeating: 0, count: 12) + Array(repeating: 1, count: 8))
        #expect(other.cancelled == [])
        // Those that leave make room for no others: who came before is not known any more.
        for conversation in conversations.suffix(4) { connected.remove(conversation, of: mine) }
        connected.cancel("y", of: mine, userID: nil)
        loop.run()
        #expect(conversations.filter { $0.cancelled.last == "y" }.count == 4)
    }

    @Test("looks into the 64 conversations that were left last, and into no more")
    func unattended() throws {
        let (kept, mine) = (Kept(), try key("a"))
        let conversations = (0..<100).map { _ in Conversation() }
        for conversation in conversations {
            kept.unattended.add(NIOLoopBound(conversation, eventLoop: loop), of: mine, userID: nil, bytes: 0)
        }
        kept.unattended.cancel("x", of: mine, userID: nil)
        loop.run()
        #expect(conversations.map(\.cancelled.count) == Array(repeating: 0, count: 36) + Array(repeating: 1, count: 64))
        // Once some have ended, those that were left before them are looked into.
        for conversation in conversations.suffix(30) { kept.unattended.remove(conversation) }
        kept.unattended.cancel("y", of: mine, userID: nil)
        loop.run()
        #expect(conversations.filter { $0.cancelled.last == "y" }.count == 64)
        #expect(conversations[5].cancelled == [])
        #expect(conversations[6].cancelled == ["y"])
    }
}
