import NIOCore
import Threads

/// An event loop as the HTTP client knows it: calls to models are worked on where the conversation is.
final class EventLoopCalls: WorkingLoop {
    private let eventLoop: any EventLoop
    private let group: any EventLoopGroup

    private init(_ eventLoop: any EventLoop, of group: any EventLoopGroup) {
        self.eventLoop = eventLoop
        self.group = group
    }

    var peers: [any WorkingLoop] { group.makeIterator().map { EventLoopCalls($0, of: group) } }

    /// Has each loop of a group run the calls that are made on its thread.
    static func run(on group: any EventLoopGroup) async throws {
        for eventLoop in group.makeIterator() {
            try await eventLoop.submit { EventLoopCalls(eventLoop, of: group).adopt() }.get()
        }
    }

    func execute(_ work: @escaping @Sendable () -> Void) { eventLoop.execute(work) }

    func execute(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> () -> Void {
        let scheduled = eventLoop.scheduleTask(in: TimeAmount(delay), work)
        return { scheduled.cancel() }
    }

    func watch(_ bell: CInt, _ work: @escaping @Sendable () -> Void) -> (() -> Void)? {
        LoopBell.hang(bell, on: eventLoop, work).map { $0.takeDown }
    }
}
