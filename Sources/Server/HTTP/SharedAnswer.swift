import NIOHTTP1

/// What lets pages of `origins` ask for more than WebSockets (CORS, as the Fetch standard has it).
extension HostRoutes {
    /// Header fields of every answer at a path that such pages may use, also of refusals.
    func sharing(_ head: HTTPRequestHead) -> HTTPHeaders {
        guard !rules.access.origins.isEmpty, isShared(RequestTarget(head.uri)) else { return [:] }
        guard let origin = rules.access.listedOrigin(of: head) else { return ["vary": "Origin"] }
        return [
            "vary": "Origin", "access-control-allow-origin": origin,
            "access-control-expose-headers": "Stagecoach-Session",
        ]
    }

    /// The answer to a browser that asks what a page may send; `nil` where it does not. It asks without a key.
    func preflight(_ head: HTTPRequestHead, _ target: RequestTarget) -> HTTPAnswer? {
        guard head.method == .OPTIONS, head.headers.contains(name: "access-control-request-method"),
            rules.access.listedOrigin(of: head) != nil, isShared(target)
        else { return nil }
        var answer = HTTPAnswer(.noContent, body: "")
        answer.headers = [
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "authorization, content-type, last-event-id, traceparent, tracestate",
            "access-control-max-age": "600",
        ]
        return answer
    }

    /// Whether pages of other origins may use a path.
    private func isShared(_ target: RequestTarget) -> Bool {
        rules.pipeline(at: target) != nil || history && target.path.hasPrefix("/sessions/")
    }
}
