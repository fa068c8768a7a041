import NIOCore
import Pipeline
import Synchronization

/// What is shown of a host that runs to those who look, who share it: one for the host, whatever is reloaded. While nobody looks
/// nothing is done.
final class Console: Sendable {
    /// How many may look at the same time: each costs some kilobytes a second.
    static let limit = 16
    /// A little less than the second that the feed promises.
    private static let interval = TimeAmount.milliseconds(900)

    private struct Outline {
        let version: Int
        let event: ByteBuffer
        let redact: Redaction
    }

    private struct State {
        var feeds: [ObjectIdentifier: ConsoleFeedHandle] = [:]
        var files: [PipelineFile] = []
        /// How often they have changed.
        var version = 0
        var outline: Outline?
        var reload: ReloadReport?
        var window: ConsoleWindow
        var last: ByteBuffer?
        var ticks: RepeatedTask?
    }

    private let state: Mutex<State>

    /// - Parameter start: Since when what is counted is shown: when the host began.
    init(since start: ContinuousClock.Instant = .now) {
        state = Mutex(State(window: ConsoleWindow(at: start)))
    }

    /// How often what is served has changed.
    var version: Int { state.withLock(\.version) }

    /// Notes what is served, as it was read.
    func serve(_ files: [PipelineFile]) {
        state.withLock { state in
            state.files = files
            state.version += 1
        }
    }

    /// Notes what became of a reload.
    ///
    /// - Parameter files: What is served now; `nil` where that is what was served before.
    func reloaded(_ report: ReloadReport, _ files: [PipelineFile]? = nil) {
        if let files { serve(files) }
        let feeds = state.withLock { state in
            state.reload = report
            return Array(state.feeds.values)
        }
        for feed in feeds { feed.execute { $0.look() } }
    }

    /// Takes one who looks, on its event loop.
    ///
    /// - Returns: `false` where there are too many.
    func add(_ feed: ConsoleFeed) -> Bool {
        state.withLock { state in
            guard state.feeds.count < Console.limit else { return false }
            state.feeds[ObjectIdentifier(feed)] = ConsoleFeedHandle(feed)
            return true
        }
    }

    func remove(_ feed: ConsoleFeed) {
        let ticks = state.withLock { state in
            state.feeds[ObjectIdentifier(feed)] = nil
            guard state.feeds.isEmpty else { return RepeatedTask?.none }
            defer { (state.ticks, state.last, state.outline) = (nil, nil, nil) }
            return state.ticks
        }
        ticks?.cancel()
    }

    /// The figures of now, and a sample each second from now on.
    func begin(_ feed: ConsoleFeed, on loop: LoopConnections) {
        feed.sendHistory()
        if let last = state.withLock(\.last) { feed.send(last) }
        let bound = NIOLoopBound(loop, eventLoop: feed.eventLoop)
        let isFirst = state.withLock { state in
            guard state.ticks == nil else { return false }
            state.ticks = feed.eventLoop.scheduleRepeatedTask(
                initialDelay: Console.interval, delay: Console.interval
            ) { [self] _ in tick(bound.value.routes) }
            return true
        }
        if isFirst { tick(loop.routes) }
    }

    /// The points that there were, as an event; `nil` where there is none yet.
    var history: ByteBuffer? {
        let points = state.withLock(\.window.history)
        guard !points.isEmpty else { return nil }
        var event = JSONMembers(type: "history")
        event.add("points", list: points)
        return ConsoleEvent.buffer(event.text)
    }

    /// What is served, and what takes secrets out of a text.
    func outline(of routes: HostRoutes) -> (version: Int, event: ByteBuffer, redact: Redaction) {
        state.withLock { state in
            if let made = state.outline, made.version == state.version {
                return (made.version, made.event, made.redact)
            }
            let made = ConsoleOutline(of: routes.pipelines, files: state.files, routes.console, routes.tap)
            let outline = Outline(
                version: state.version, event: ConsoleEvent.buffer(made.text), redact: made.redact)
            state.outline = outline
            return (outline.version, outline.event, outline.redact)
        }
    }

    private func tick(_ routes: HostRoutes) {
        let sample = ConsoleSample(of: routes.pipelines, routes.meters, at: .now)
        let redact = outline(of: routes).redact
        let (feeds, figures, point) = state.withLock { state in
            let (base, point) = state.window.add(sample)
            let figures = ConsoleFigures(
                pipelines: routes.pipelines, sample: sample, base: base, tap: routes.tap, feeds: state.feeds.count,
                reload: state.reload, redact: redact)
            let event = ConsoleEvent.buffer(figures.text)
            state.last = event
            return (Array(state.feeds.values), event, point.map { ConsoleEvent.buffer($0) })
        }
        for feed in feeds { feed.execute { $0.take(figures, point: point) } }
    }
}

/// An event of the stream.
enum ConsoleEvent {
    /// - Parameter json: Without line ends.
    static func buffer(_ json: String) -> ByteBuffer { ByteBuffer(string: "data: \(json)\n\n") }
}
