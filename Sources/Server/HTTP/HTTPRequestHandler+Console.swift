import NIOCore
import NIOHTTP1

/// An operator who looks at the host.
extension HTTPRequestHandler {
    /// Shows the host until the client leaves, or may not look any more.
    func show(_ request: ConsoleRequest, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        clock?.pause()
        let feed = ConsoleFeed(request, head, context, loop: gate.loop, logger: logger) { [self] in
            self.feed = nil
            finish(context, isLast: true)
        }
        guard routes.watch.add(feed) else {
            let rejection = HTTPRejection.unavailable("\(Console.limit) consoles are open, and there are no more")
            return answer(HTTPAnswer(rejection), head, context, isLast: true)
        }
        (self.head, self.feed) = (nil, feed)
        feed.begin()
    }

    /// Authentication may have changed.
    func closeIfCancelled() { feed?.look() }

    func drain() { feed?.end("the host is stopping") }
}
