import NIOCore
import Pipeline
import Stages

/// The way back to a connection, from any thread.
final class ConversationReply: Reply {
    private let conversation: NIOLoopBound<Conversation>
    private let eventLoop: any EventLoop

    private let format: MessageFormat
    let takesDeltas: Bool

    init(_ conversation: Conversation, _ eventLoop: any EventLoop, format: MessageFormat, takesDeltas: Bool) {
        self.takesDeltas = takesDeltas
        self.conversation = NIOLoopBound(conversation, eventLoop: eventLoop)
        self.eventLoop = eventLoop
        self.format = format
    }

    func answer(_ message: Message) {
        settle(message, .response(to: message, in: format))
    }

    func send(delta: String, of message: Message) {
        let frame = ServerFrame.delta(delta, of: message)
        let id = message.id
        onEventLoop { $0.send(frame, of: id) }
    }

    func waitForRoom() async {
        await withCheckedContinuation { continuation in
            onEventLoop { $0.waitForRoom(continuation) }
        }
    }

    func abandon(_ message: Message) {
        settle(message, nil)
    }

    /// Most answers come on the event loop, and those need no closure.
    private func settle(_ message: Message, _ frame: ServerFrame?) {
        let (id, clientID) = (message.id, message.clientID)
        if eventLoop.inEventLoop {
            conversation.value.settle(id, clientID, frame)
        } else {
            eventLoop.execute { self.conversation.value.settle(id, clientID, frame) }
        }
    }

    private func onEventLoop(_ body: @escaping @Sendable (Conversation) -> Void) {
        if eventLoop.inEventLoop {
            body(conversation.value)
        } else {
            eventLoop.execute { body(self.conversation.value) }
        }
    }
}
