import CEvents
import Glibc
import NIOCore

/// The sockets of an event loop's WebSockets, watched in a set of the loop's own and read past their channels: those, and
/// what SwiftNIO has for each of them, are not touched for a message.
///
/// Between two looks at all that is ready a few sockets are read, as long as others may begin messages. The others' bytes stay
/// in the kernel, where they cost nothing.
final class ReadableSockets {
    /// So many are read before it is asked whether others may be.
    private static let few = 16
    /// So many are read at most before the loop looks at all else.
    private static let most = 64

    private struct Watch {
        var reader: WebSocketHandler?
        /// Tells it from an earlier one of the same number.
        var generation: UInt32 = 0
    }

    private let set: CInt
    private var relay: stagecoach_relay
    private var bell: LoopBell?
    private var watches: [Watch] = []
    private var ready = [stagecoach_event](repeating: stagecoach_event(), count: ReadableSockets.few)
    /// Those who have not read all that was there.
    private var unread: [WebSocketHandler] = []
    private let turns: MessageTurns
    private let eventLoop: any EventLoop
    private var isArmed = false

    private init(_ set: CInt, _ relay: stagecoach_relay, on eventLoop: any EventLoop, _ turns: MessageTurns) {
        (self.set, self.relay) = (set, relay)
        (self.eventLoop, self.turns) = (eventLoop, turns)
    }

    /// Those of an event loop. On its thread.
    ///
    /// - Parameter turns: Those in which messages are begun.
    /// - Returns: `nil` where the system or the event loop does not let them be.
    static func open(on eventLoop: any EventLoop, turns: MessageTurns) -> ReadableSockets? {
        let set = stagecoach_events_open()
        guard set >= 0 else { return nil }
        var relay = stagecoach_relay()
        let opened = Opened()
        let bell = LoopBell.hang(on: eventLoop) { opened.sockets?.look() }
        guard let bell, stagecoach_relay_open(&relay, set, -1, bell.descriptor) == 0 else {
            bell?.takeDown()
            close(set)
            return nil
        }
        let sockets = ReadableSockets(set, relay, on: eventLoop, turns)
        (sockets.bell, opened.sockets) = (bell, sockets)
        sockets.arm()
        return sockets
    }

    /// Whom the bell rings for.
    private final class Opened {
        weak var sockets: ReadableSockets?
    }

    deinit {
        bell?.takeDown()
        stagecoach_relay_close(&relay)
        close(set)
    }

    /// Watches a socket until ``leave(_:)`` or ``forget(_:)``.
    ///
    /// - Returns: Whether it does.
    func watch(_ descriptor: CInt, for reader: WebSocketHandler) -> Bool {
        let index = Int(descriptor)
        if index >= watches.count { watches += repeatElement(Watch(), count: index + 1 - watches.count) }
        watches[index].generation &+= 1
        let what = CInt(stagecoach_readable | stagecoach_news)
        guard stagecoach_events_watch(set, descriptor, watches[index].generation, what) == 0 else { return false }
        watches[index].reader = reader
        return true
    }

    /// Does not watch a socket any more.
    func leave(_ descriptor: CInt) {
        stagecoach_events_forget(set, descriptor)
        forget(descriptor)
    }

    /// A socket was closed, which takes it out of the set.
    func forget(_ descriptor: CInt) { watches[Int(descriptor)].reader = nil }

    /// Has somebody go on reading after the others.
    func readLater(_ reader: WebSocketHandler) {
        guard !reader.readsLater else { return }
        reader.readsLater = true
        unread.append(reader)
        if unread.count == 1 { bell?.ring() }
    }

    private func look() {
        if stagecoach_relay_rung(&relay) != 0 { isArmed = false }
        let late = unread
        unread.removeAll(keepingCapacity: true)
        for reader in late {
            reader.readsLater = false
            reader.readSocket()
        }
        guard !isArmed else { return }
        var read = 0
        while read < Self.most, !turns.isOver {
            let count = Int(stagecoach_events_wait(set, &ready, CInt(Self.few), 0))
            for event in ready.prefix(count) { tell(event) }
            read += count
            if count < Self.few { break }
        }
        arm()
    }

    private func tell(_ event: stagecoach_event) {
        let watch = watches[Int(event.descriptor)]
        guard watch.generation == event.generation else { return }
        watch.reader?.socketHasNews(areLast: event.what & CInt(stagecoach_ended) != 0)
    }

    /// Has the bell rung once something is ready; at once where something is.
    private func arm() {
        isArmed = stagecoach_relay_arm(&relay, 1) == 0
        if isArmed { return }
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { [weak self] in self?.look() }
    }
}
