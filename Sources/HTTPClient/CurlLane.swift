import CCurl

/// A multi handle, with connections of its own. Used on the client's thread alone.
final class CurlLane: Timed {
    let multi: UnsafeMutableRawPointer
    /// Where its timer stands among those of the others.
    var deadlineIndex: Int?
    /// Whether libcurl has worked on its calls since it was last asked which of them have ended.
    var hasWorked = false

    private unowned let events: CurlEvents

    /// - Parameter events: has the sockets watched that libcurl names, and its timer.
    /// - Returns: `nil` where there is no memory left.
    init?(_ events: CurlEvents) {
        guard let multi = curl_multi_init() else { return nil }
        (self.multi, self.events) = (multi, events)
        // Unretained: `events` keeps this object until it has closed the handle.
        let context = Unmanaged.passUnretained(self).toOpaque()
        curl_set_multi_pointer(multi, CURLMOPT_SOCKETDATA, context)
        curl_set_multi_socket(multi) { _, descriptor, what, context, _ in
            guard let context else { return 0 }
            let lane = Unmanaged<CurlLane>.fromOpaque(context).takeUnretainedValue()
            lane.events.want(what, of: descriptor, for: lane)
            return 0
        }
        curl_set_multi_pointer(multi, CURLMOPT_TIMERDATA, context)
        curl_set_multi_timer(multi) { _, milliseconds, context in
            guard let context else { return 0 }
            let lane = Unmanaged<CurlLane>.fromOpaque(context).takeUnretainedValue()
            lane.events.setTimer(milliseconds, of: lane)
            return 0
        }
    }

    /// Closes the connections and the handle.
    func close() { curl_multi_cleanup(multi) }

    /// libcurl counts all its connections against its limit, not the idle ones: with more calls than that it would close
    /// one for each call that ends.
    func allowConnections(_ count: Int) { curl_set_multi_long(multi, CURLMOPT_MAXCONNECTS, count) }
}
