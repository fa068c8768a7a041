import NIOCore
import Pipeline

/// The way back to a connection, from any thread. Most comes on the event loop, and needs no closure there.
final class ConversationReply: Reply {
    private let conversation: NIOLoopBound<Conversation>
    private let eventLoop: any EventLoop

    private let format: Message.Format
    let takesDeltas: Bool

    init(_ conversation: Conversation, _ eventLoop: any EventLoop, format: Message.Format, takesDeltas: Bool) {
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
        if eventLoop.inEventLoop {
            conversation.value.send(frame, of: id)
        } else {
            eventLoop.execute { self.conversation.value.send(frame, of: id) }
        }
    }

    var hasRoom: Bool { eventLoop.inEventLoop && conversation.value.hasRoom }

    func waitForRoom() async {
        let isOnLoop = eventLoop.inEventLoop
        if isOnLoop, conversation.value.hasRoom { return }
        await withCheckedContinuation { continuation in
            if isOnLoop {
                conversation.value.waitForRoom(continuation)
            } else {
                eventLoop.execute { self.conversation.value.waitForRoom(continuation) }
            }
        }
    }

    func abandon(_ message: Message) {
        settle(message, nil)
    }

    private func settle(_ message: Message, _ frame: ServerFrame?) {
        let (id, clientID) = (message.id, message.clientID)
        if eventLoop.inEventLoop {
            conversation.value.settle(id, clientID, frame)
        } else {
            eventLoop.execute { self.conversation.value.settle(id, clientID, frame) }
        }
    }
}
