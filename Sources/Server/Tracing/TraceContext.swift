import Tracing

/// Which span of which trace, as the W3C's `traceparent` says it: `00-{trace}-{span}-01`.
struct TraceContext: Sendable, Equatable {
    /// 32 lower-case hexadecimal digits.
    let traceID: String
    /// 16 lower-case hexadecimal digits.
    let spanID: String
    let isSampled: Bool
    /// `tracestate`, handed on as it came.
    var state: String?

    /// `nil` for what is no `traceparent`; one of a later version is read as far as it is known (Trace Context, section
    /// 3.2.2).
    init?(traceparent: String, state: String? = nil) {
        let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, let version = TraceContext.hex(parts[0], 2), version != "ff",
            version != "00" || parts.count == 4, let trace = TraceContext.hex(parts[1], 32),
            let span = TraceContext.hex(parts[2], 16),
            let flags = TraceContext.hex(parts[3], 2).flatMap({ UInt8($0, radix: 16) }),
            trace.contains(where: { $0 != "0" }), span.contains(where: { $0 != "0" })
        else { return nil }
        self.init(traceID: trace, spanID: span, isSampled: flags & 1 == 1, state: state)
    }

    init(traceID: String, spanID: String, isSampled: Bool, state: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        // Longer ones may be dropped (section 3.3.1.5), and this one came from anybody.
        self.state = state.flatMap {
            $0.utf8.count <= 512 && $0.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? $0 : nil
        }
    }

    /// A new span in the same trace, or in a new one.
    static func child(of parent: TraceContext?, isSampled: @autoclosure () -> Bool) -> TraceContext {
        TraceContext(
            traceID: parent?.traceID ?? random(digits: 32), spanID: random(digits: 16),
            isSampled: parent?.isSampled ?? isSampled(), state: parent?.state)
    }

    var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    private static func hex(_ text: Substring, _ count: Int) -> String? {
        let isHex = text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        return text.utf8.count == count && isHex ? String(text) : nil
    }

    private static func random(digits: Int) -> String {
        var text = ""
        while text.utf8.count < digits {
            // An id of nothing but zeros is none.
            let part = String(UInt64.random(in: 1 ... .max), radix: 16)
            text += String(repeating: "0", count: 16 - part.utf8.count) + part
        }
        return text
    }
}

/// Where a service context has it.
enum TraceContextKey: ServiceContextKey {
    typealias Value = TraceContext
}

extension ServiceContext {
    var trace: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }
}
