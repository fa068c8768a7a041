import CCurl
import CEvents
import Glibc

/// The multi handles of a thread, with the sockets and the timers that they ask to be watched: what is done follows from
/// what is ready, not from how many calls are open. Used on the client's thread alone.
///
/// Sockets on which an answer is coming word by word may be watched in a set of their own, so that what they have to say is
/// looked at together.
final class CurlEvents {
    /// What is watched of a descriptor. It may lag behind what is wanted where that costs nothing: a connection that is
    /// kept between two calls stays watched, and is left alone once it has something to say.
    private struct Watch {
        var wanted: Int32 = 0
        var registered: Int32 = 0
        /// Tells what was ready from what has the same number since.
        var generation: UInt32 = 0
        var isGathered = false
        /// Whether its end will be told. libcurl has others, for look-ups, that it closes without a word.
        var isToldOfEnd = false
        /// Whose it is; the lane may be closed where nothing is wanted.
        var lane: Unmanaged<CurlLane>?
    }

    /// The set of what is watched, which is itself readable while something is ready.
    let set: Int32
    /// The set of the sockets whose bytes may wait for those of others; -1 where none may.
    let gatheredSet: Int32
    private var lanes: [CurlLane] = []
    private var workedLanes: [CurlLane] = []
    private var timers = Deadlines<CurlLane>()
    private var watches: [Watch] = []
    private var ready = [stagecoach_event](repeating: stagecoach_event(), count: 64)
    private var gathered = [stagecoach_event](repeating: stagecoach_event(), count: 64)
    /// Which of them have been taken and not been worked on.
    private var gatheredLeft = 0..<0

    /// How often libcurl was called for a socket.
    private(set) var actions = 0

    /// - Parameter gathers: Whether ``gather(_:_:)`` has a set of its own.
    /// - Returns: `nil` where there is no memory or descriptor left.
    init?(gathers: Bool = false) {
        set = stagecoach_events_open()
        gatheredSet = gathers ? stagecoach_events_open() : -1
        // The first lane is always there: what a client holds does not depend on which threads its calls are made on.
        guard set >= 0, gatheredSet >= 0 || !gathers, lane(0) != nil else {
            if set >= 0 { Glibc.close(set) }
            if gatheredSet >= 0 { Glibc.close(gatheredSet) }
            return nil
        }
    }

    /// Closes the connections and the handles; nothing may be called after it.
    func close() {
        for lane in lanes { lane.close() }
        (timers, workedLanes, lanes) = (Deadlines(), [], [])
        Glibc.close(set)
        if gatheredSet >= 0 { Glibc.close(gatheredSet) }
    }

    /// The lane with a number, which is made where it was not there; `nil` where there is no memory left.
    func lane(_ number: Int) -> CurlLane? {
        while lanes.count <= number {
            guard let lane = CurlLane(self) else { return nil }
            lanes.append(lane)
        }
        return lanes[number]
    }

    /// Closes the lanes from a number on, with their connections.
    func closeLanes(from number: Int) {
        guard number < lanes.count else { return }
        for lane in lanes[number...] {
            lane.close()
            timers.remove(lane)
        }
        workedLanes.removeAll { closed in lanes[number...].contains { $0 === closed } }
        lanes.removeSubrange(number...)
    }

    /// The lanes of which calls may have ended.
    func takeWorkedLanes() -> [CurlLane] {
        guard !workedLanes.isEmpty else { return [] }
        defer { workedLanes = [] }
        for lane in workedLanes { lane.hasWorked = false }
        return workedLanes
    }

    private func willWork(_ lane: CurlLane) {
        guard !lane.hasWorked else { return }
        lane.hasWorked = true
        workedLanes.append(lane)
    }

    /// Watches a descriptor that is not libcurl's.
    func watch(bell: Int32) {
        _ = stagecoach_events_watch(set, bell, 0, Int32(stagecoach_readable))
    }

    /// Waits until something is ready, for so many milliseconds at most, and has libcurl work on its sockets.
    ///
    /// - Parameter bell: A descriptor that is not libcurl's, and is hushed.
    /// - Returns: How much was ready; there may be more.
    @discardableResult
    func work(waiting milliseconds: Int32, bell: Int32 = -1) -> Int {
        let count = Int(stagecoach_events_wait(set, &ready, Int32(ready.count), milliseconds))
        for index in 0..<count {
            let event = ready[index]
            if event.descriptor == bell { stagecoach_hush(bell) } else { act(on: event) }
        }
        return count
    }

    /// So much is taken at once of what has been gathered.
    var maxGathered: Int { gathered.count }

    /// Whether something of it was taken that has not been worked on.
    var hasTakenGathered: Bool { !gatheredLeft.isEmpty }

    /// Takes what has been gathered, once what was taken before has been worked on.
    ///
    /// - Returns: How much that is; there may be more where it is as many as ``maxGathered``.
    func takeGathered() -> Int {
        let count = Int(stagecoach_events_wait(gatheredSet, &gathered, Int32(gathered.count), 0))
        gatheredLeft = 0..<count
        return count
    }

    /// Has libcurl work on the next of what was taken.
    func workOnGathered(atMost count: Int) {
        for index in gatheredLeft.prefix(count) { act(on: gathered[index]) }
        gatheredLeft = gatheredLeft.dropFirst(count)
    }

    private func act(on event: stagecoach_event) {
        let index = Int(event.descriptor)
        guard watches.indices.contains(index), watches[index].generation == event.generation else { return }
        let wanted = watches[index].wanted
        if wanted == 0 {
            stagecoach_events_forget(set(of: index), event.descriptor)
            watches[index].registered = 0
            watches[index].isGathered = false
        } else if event.what & wanted != 0, let lane = watches[index].lane?.takeUnretainedValue() {
            actions += 1
            willWork(lane)
            // The bits are those of CURL_CSELECT_IN and CURL_CSELECT_OUT.
            curl_multi_act(lane.multi, event.descriptor, event.what & wanted)
        }
    }

    /// When libcurl wants to be called though nothing is ready.
    var timer: ContinuousClock.Instant? { timers.next }

    /// Has libcurl do what its timers were set for, where that time has come.
    func runTimers(_ now: ContinuousClock.Instant) {
        while let lane = timers.popFirst(at: now) {
            willWork(lane)
            curl_multi_run_timer(lane.multi)
        }
    }

    func setTimer(_ milliseconds: Int, of lane: CurlLane) {
        timers.remove(lane)
        if milliseconds >= 0 { timers.add(lane, at: .now + .milliseconds(milliseconds)) }
    }

    /// - Parameter what: One of CURL_POLL_NONE, _IN, _OUT, _INOUT and _REMOVE.
    func want(_ what: Int32, of descriptor: Int32, for lane: CurlLane) {
        guard let index = index(of: descriptor) else { return }
        let wanted = what & CURL_POLL_INOUT
        watches[index].wanted = wanted
        watches[index].lane = .passUnretained(lane)
        // Its number may be another's next.
        if wanted == 0, !watches[index].isToldOfEnd { willClose(descriptor) }
        guard wanted != 0, wanted != watches[index].registered else { return }
        if watches[index].registered == 0 { watches[index].generation &+= 1 }
        // Where the system refuses, the call ends with its deadline.
        let generation = watches[index].generation
        guard stagecoach_events_watch(set(of: index), descriptor, generation, wanted) == 0 else { return }
        watches[index].registered = wanted
    }

    /// A descriptor is about to be closed. To the system it may live on: a program that was just started has it for a
    /// moment, and then its events would go on to come.
    func willClose(_ descriptor: Int32) {
        let index = Int(descriptor)
        guard watches.indices.contains(index) else { return }
        if watches[index].registered != 0 { stagecoach_events_forget(set(of: index), descriptor) }
        watches[index] = Watch(generation: watches[index].generation)
    }

    /// A descriptor was opened whose end will be told by ``willClose(_:)``.
    func noteOpened(_ descriptor: Int32) {
        if let index = index(of: descriptor) { watches[index].isToldOfEnd = true }
    }

    private func index(of descriptor: Int32) -> Int? {
        let index = Int(descriptor)
        guard index >= 0 else { return nil }
        if index >= watches.count { watches += repeatElement(Watch(), count: index + 1 - watches.count) }
        return index
    }

    private func set(of index: Int) -> Int32 { watches[index].isGathered ? gatheredSet : set }

    /// Whether what comes on a descriptor may wait for what comes on others, until it is said again.
    func gather(_ descriptor: Int32, _ mayWait: Bool) {
        let index = Int(descriptor)
        guard gatheredSet >= 0, watches.indices.contains(index), watches[index].isGathered != mayWait else { return }
        let registered = watches[index].registered
        if registered != 0 { stagecoach_events_forget(set(of: index), descriptor) }
        watches[index].isGathered = mayWait
        guard registered != 0 else { return }
        let generation = watches[index].generation
        if stagecoach_events_watch(set(of: index), descriptor, generation, registered) != 0 {
            watches[index].isGathered = !mayWait
            if stagecoach_events_watch(set(of: index), descriptor, generation, registered) != 0 {
                watches[index].registered = 0
            }
        }
    }
}
