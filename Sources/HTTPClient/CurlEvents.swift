import CCurl
import CEvents
import Glibc

/// A multi handle with the sockets and the timer that it asks to be watched: what is done follows from what is ready, not
/// from how many calls are open. Used on the client's thread alone.
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
    }

    let multi: UnsafeMutableRawPointer
    /// The set of what is watched, which is itself readable while something is ready.
    let set: Int32
    /// The set of the sockets whose bytes may wait for those of others; -1 where none may.
    let gatheredSet: Int32
    private var watches: [Watch] = []
    private var ready = [stagecoach_event](repeating: stagecoach_event(), count: 64)

    /// When libcurl wants to be called though nothing is ready.
    private(set) var timer: ContinuousClock.Instant?

    /// How often libcurl was called for a socket.
    private(set) var actions = 0

    /// - Parameter gathers: Whether ``gather(_:)`` has a set of its own.
    /// - Returns: `nil` where there is no memory or descriptor left.
    init?(gathers: Bool = false) {
        guard let multi = curl_multi_init() else { return nil }
        let set = stagecoach_events_open()
        let gatheredSet = gathers ? stagecoach_events_open() : -1
        guard set >= 0, gatheredSet >= 0 || !gathers else {
            if set >= 0 { Glibc.close(set) }
            curl_multi_cleanup(multi)
            return nil
        }
        (self.multi, self.set, self.gatheredSet) = (multi, set, gatheredSet)
        // Unretained: whoever made this object closes the handle before it lets go of it.
        let context = Unmanaged.passUnretained(self).toOpaque()
        curl_set_multi_pointer(multi, CURLMOPT_SOCKETDATA, context)
        curl_set_multi_socket(multi) { _, descriptor, what, context, _ in
            guard let context else { return 0 }
            Unmanaged<CurlEvents>.fromOpaque(context).takeUnretainedValue().want(what, of: descriptor)
            return 0
        }
        curl_set_multi_pointer(multi, CURLMOPT_TIMERDATA, context)
        curl_set_multi_timer(multi) { _, milliseconds, context in
            if let context { Unmanaged<CurlEvents>.fromOpaque(context).takeUnretainedValue().setTimer(milliseconds) }
            return 0
        }
    }

    /// Closes the connections and the handle; nothing may be called after it.
    func close() {
        curl_multi_cleanup(multi)
        Glibc.close(set)
        if gatheredSet >= 0 { Glibc.close(gatheredSet) }
    }

    /// Watches a descriptor that is not libcurl's.
    func watch(bell: Int32) {
        _ = stagecoach_events_watch(set, bell, 0, Int32(stagecoach_readable))
    }

    /// Waits until something is ready, for so many milliseconds at most, and has libcurl work on its sockets.
    ///
    /// - Parameter bell: A descriptor that is not libcurl's, and is hushed.
    /// - Returns: How much was ready; there may be more where it is as many as ``most``.
    @discardableResult
    func work(waiting milliseconds: Int32, bell: Int32 = -1) -> Int {
        work(on: set, waiting: milliseconds, bell: bell)
    }

    /// Has libcurl work on what has been gathered.
    ///
    /// - Returns: How much was ready, as above.
    func workOnGathered() -> Int { work(on: gatheredSet, waiting: 0, bell: -1) }

    private func work(on set: Int32, waiting milliseconds: Int32, bell: Int32) -> Int {
        let count = Int(stagecoach_events_wait(set, &ready, Int32(ready.count), milliseconds))
        for index in 0..<count {
            let event = ready[index]
            if event.descriptor == bell { stagecoach_hush(bell) } else { act(on: event) }
        }
        return count
    }

    /// So much is worked on at once.
    var most: Int { ready.count }

    private func act(on event: stagecoach_event) {
        let index = Int(event.descriptor)
        guard watches.indices.contains(index), watches[index].generation == event.generation else { return }
        let wanted = watches[index].wanted
        if wanted == 0 {
            stagecoach_events_forget(set(of: index), event.descriptor)
            watches[index].registered = 0
        } else if event.what & wanted != 0 {
            actions += 1
            // The bits are those of CURL_CSELECT_IN and CURL_CSELECT_OUT.
            curl_multi_act(multi, event.descriptor, event.what & wanted)
        }
    }

    /// Has libcurl do what its timer was set for, where that time has come.
    func runTimer(_ now: ContinuousClock.Instant) {
        guard let timer, timer <= now else { return }
        self.timer = nil
        curl_multi_run_timer(multi)
    }

    private func setTimer(_ milliseconds: Int) {
        timer = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
    }

    /// - Parameter what: One of CURL_POLL_NONE, _IN, _OUT, _INOUT and _REMOVE.
    private func want(_ what: Int32, of descriptor: Int32) {
        let index = Int(descriptor)
        guard index >= 0 else { return }
        if index >= watches.count { watches += repeatElement(Watch(), count: index + 1 - watches.count) }
        let wanted = what & CURL_POLL_INOUT
        watches[index].wanted = wanted
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
        guard watches.indices.contains(index), watches[index].registered != 0 else { return }
        stagecoach_events_forget(set(of: index), descriptor)
        watches[index].wanted = 0
        watches[index].registered = 0
        watches[index].isGathered = false
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
            watches[index].registered = 0
        }
    }
}
