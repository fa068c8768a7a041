import CEvents
import CNATS
import Glibc
import Synchronization
import Threads

/// Publishes for an event loop over a connection of its own, and takes what the stream says to that, on the loop's thread: nobody
/// has to be woken for either. What a turn of the loop publishes leaves in one write.
///
/// The connection comes, goes and comes again on a thread of its own, which has nothing else to do.
final class LoopPublisher: ConnectionWorker, LoopPart, @unchecked Sendable {
    // Unchecked: what is not constant is behind a lock, or touched on the loop's thread alone.

    /// What is published is acknowledged, or not, to this.
    typealias Publisher = UnsafeContinuation<Result<PublishAcknowledgement, NATSError>, Never>

    /// The connection as it is now, and the kernel's word that there is something to do for it.
    private struct Open {
        let handle: NATSConnection.Handle
        let relay: stagecoach_relay
        let stopWatching: () -> Void
        let end: ConditionLock<Bool>
    }

    private static let timeout: UInt64 = 5_000
    /// How many bytes may wait in the library.
    private static let unwrittenLimit: Int32 = 16 << 20
    /// How often what has waited too long is looked for.
    private static let sweep = Duration.milliseconds(250)

    /// Whose publisher it is.
    private let owner: NATSConnection
    private let connection: NATSConnection
    private let loop: any WorkingLoop
    private let hasLoopEnded = Atomic<Bool>(false)
    private var observation: NATSObservation?
    private var open: Open?
    private var isConnected = false
    private var isInUse = false
    private var isToWrite = false
    private var isSweeping = false
    private var maxPayload = 0
    private var lastToken: UInt64 = 0
    private var waiting: [UInt64: (deadline: UInt64, publisher: Publisher)] = [:]
    /// How much of what the loop has published over its owner was not answered yet.
    private let beside = Atomic<Int>(0)

    /// Begins to connect. On the loop's thread.
    init(for owner: NATSConnection, on loop: any WorkingLoop) {
        (self.owner, self.loop) = (owner, loop)
        connection = NATSConnection(owner.settings)
    }

    func start() throws(NATSError) {
        connection.state.withLock { $0.worker = self }
        try connection.start()
        observation = connection.observe { [weak self] isConnected in
            self?.onLoop { $0.connectionChanged(isConnected) }
        }
    }

    func close() { connection.end() }

    private func onLoop(_ body: @escaping @Sendable (LoopPublisher) -> Void) {
        if !hasLoopEnded.load(ordering: .relaxed) { loop.execute { body(self) } }
    }

    // MARK: On the loop's thread

    /// Whether what is published now is to go this way. What was published the other way has been answered then, and the reverse,
    /// so that nothing is overtaken.
    var isReady: Bool {
        // The loop hears a moment late that the connection is lost.
        guard open != nil, isConnected, connection.isConnected else {
            isInUse = false
            return false
        }
        if !isInUse { isInUse = beside.load(ordering: .relaxed) == 0 }
        return isInUse
    }

    func publishesBeside() { beside.add(1, ordering: .relaxed) }

    /// From any thread.
    func hasPublishedBeside() { beside.subtract(1, ordering: .relaxed) }

    /// Publishes what a stream takes once.
    func publish(_ payload: [UInt8], to subject: String, id: String, for publisher: Publisher) {
        guard let open, stagecoach_nats_unwritten(open.handle.pointer) < LoopPublisher.unwrittenLimit else {
            return publisher.resume(returning: .failure(.notConnected))
        }
        guard payload.count <= maxPayload else {
            return publisher.resume(returning: .failure(.tooLarge(bytes: payload.count, limit: maxPayload)))
        }
        lastToken += 1
        let status = payload.withUnsafeBytes { bytes in
            stagecoach_nats_publish_once(
                open.handle.pointer, subject, lastToken, id, bytes.baseAddress, Int32(bytes.count))
        }
        guard status == 0 else {
            let error = NATSError(status: status)
            // It is told so in a moment, too, and when there is one again.
            if error == .notConnected { isConnected = false }
            return publisher.resume(returning: .failure(error))
        }
        waiting[lastToken] = (NATSConnection.now + LoopPublisher.timeout, publisher)
        writeAfterThisTurn()
        sweepLater()
    }

    private func writeAfterThisTurn() {
        guard !isToWrite else { return }
        isToWrite = true
        loop.execute {
            self.isToWrite = false
            if let open = self.open { stagecoach_nats_write(open.handle.pointer) }
        }
    }

    private func sweepLater() {
        guard !isSweeping else { return }
        isSweeping = true
        _ = loop.execute(after: LoopPublisher.sweep) {
            self.isSweeping = false
            let now = NATSConnection.now
            self.giveUp(.timeout) { $0 <= now }
            if !self.waiting.isEmpty { self.sweepLater() }
        }
    }

    private func giveUp(_ error: NATSError, where isOver: (UInt64) -> Bool = { _ in true }) {
        let over = waiting.filter { isOver($0.value.deadline) }
        for token in over.keys { waiting[token] = nil }
        for each in over.values { each.publisher.resume(returning: .failure(error)) }
    }

    private func connectionChanged(_ isConnected: Bool) {
        self.isConnected = isConnected
        maxPayload = connection.maxPayload
        if !isConnected { giveUp(.notConnected) }
    }

    private func begin(_ handle: NATSConnection.Handle, _ end: ConditionLock<Bool>) {
        let bell = stagecoach_bell()
        var relay = stagecoach_relay()
        let set = stagecoach_nats_descriptor(handle.pointer)
        guard bell >= 0, stagecoach_relay_open(&relay, set, set, bell) == 0 else {
            if bell >= 0 { Glibc.close(bell) }
            return giveUp(end)
        }
        guard let stop = loop.watch(bell, { self.lookAround() }) else {
            stagecoach_relay_close(&relay)
            Glibc.close(bell)
            return giveUp(end)
        }
        stagecoach_nats_work_here(handle.pointer)
        open = Open(handle: handle, relay: relay, stopWatching: stop, end: end)
        lookAround()
    }

    /// The system does not let it be: all is published over the owner.
    private func giveUp(_ end: ConditionLock<Bool>) {
        connection.end()
        end.withLock { $0 = true }
    }

    /// Reads and writes what can be, and ends where the connection is to.
    private func lookAround() {
        guard let open else { return }
        var relay = open.relay
        _ = stagecoach_relay_rung(&relay)
        stagecoach_nats_wait(open.handle.pointer, 0)
        // What the library answers to a ping.
        stagecoach_nats_write(open.handle.pointer)
        if connection.isEnding { return end() }
        guard stagecoach_relay_arm(&relay, 1) != 0 else { return }
        _ = loop.execute(after: .milliseconds(1)) { self.lookAround() }
    }

    private func end(withLoop: Bool = false) {
        guard let open else { return }
        self.open = nil
        if !withLoop { open.stopWatching() }
        var relay = open.relay
        stagecoach_relay_close(&relay)
        giveUp(.notConnected)
        open.end.withLock { $0 = true }
    }

    func loopHasEnded() {
        hasLoopEnded.store(true, ordering: .relaxed)
        end(withLoop: true)
        close()
    }

    func take(_ message: NATSMessage, as token: UInt64) {
        guard let publisher = waiting.removeValue(forKey: token)?.publisher else { return }
        do throws(NATSError) {
            publisher.resume(returning: .success(try PublishAcknowledgement(of: message)))
        } catch {
            publisher.resume(returning: .failure(error))
        }
    }

    // MARK: On the connection's thread

    func work(on handle: NATSConnection.Handle) {
        let end = ConditionLock(false)
        onLoop { $0.begin(handle, end) }
        // A loop that has ended does nothing any more.
        while end.wait(.seconds(1), for: { $0 ? true : nil }) == nil {
            if hasLoopEnded.load(ordering: .relaxed) { break }
        }
        stagecoach_nats_work_here(handle.pointer)
    }

    func hasEnded() {
        owner.state.withLock { $0.publishers.removeAll { $0 === self } }
        onLoop { publisher in
            if let thread = LoopThread.current { thread.parts = thread.parts.filter { $0.value !== publisher } }
        }
    }
}

/// Works on a connection in place of its thread.
protocol ConnectionWorker: AnyObject, Sendable {
    /// Works on it until it is to end. Called on the connection's thread, which waits.
    func work(on handle: NATSConnection.Handle)

    /// The connection is over. Called on its thread.
    func hasEnded()

    /// Takes an answer, where it is worked on.
    func take(_ message: NATSMessage, as token: UInt64)
}

extension NATSConnection {
    /// The publisher of the loop whose thread asks, which is made where there is none; `nil` where there is no loop, or none can be.
    func publisher() -> LoopPublisher? {
        guard let thread = LoopThread.current else { return nil }
        if let found = thread.parts[ObjectIdentifier(self)] { return found as? LoopPublisher }
        guard stagecoach_nats_takes() != 0 else { return nil }
        let publisher = LoopPublisher(for: self, on: thread.loop)
        thread.parts[ObjectIdentifier(self)] = publisher
        let isOpen = state.withLock { state in
            if !state.isClosing { state.publishers.append(publisher) }
            return !state.isClosing
        }
        do { if isOpen { try publisher.start() } } catch { return nil }
        return isOpen ? publisher : nil
    }
}
