package import NIOCore
import WebSocketCodec

/// How bytes come from the client: by the channel, or where a loop has many WebSockets past it; and when they don't.
extension WebSocketHandler {
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(Self.unwrapInboundIn(data)) }

    package func channelReadComplete(context: ChannelHandlerContext) {
        readIsComplete()
        guard watched == nil, let socket, mayRead, !closing.hasSentClose else { return }
        if let sockets = loop.readableSockets, sockets.watch(socket.descriptor, for: self) {
            watched = sockets
        } else {
            // Otherwise the channel asks for it by way of all handlers: a tenth of what a message takes.
            socket.read()
        }
    }

    private func take(_ bytes: ByteBuffer) {
        clock.heard(at: .now())
        isReading = true
        if isDropping {
            waitForTurn(offends: true)
        } else {
            decoder.append(bytes)
            decode()
            if socket != nil { decoder.copyInput() }
        }
        if socket != nil { loop.readBuffer.put(bytes) }
    }

    private func readIsComplete() {
        isReading = false
        // A long answer leaves before the next one takes its memory's turn in the processor's cache.
        if frames.count > LoopConnections.maxGathered {
            flush()
        } else if !frames.isEmpty {
            loop.flushAnswers(of: self)
        }
    }

    // MARK: Past the channel

    /// Something has come on the socket since it was last told so.
    ///
    /// - Parameter areLast: Whether nothing comes behind it: the end is not told once more.
    func socketHasNews(areLast: Bool) {
        hasNews = true
        hasLastNews = areLast
        readSocket()
    }

    /// Reads once, as far as the client may be read.
    func readSocket() {
        guard hasNews, mayRead, let socket, let context else { return }
        var bytes = loop.readBuffer.take(context.channel.allocator)
        let received = socket.read(into: &bytes)
        hasNews = false
        if case .bytes(let mayHaveMore) = received {
            hasNews = mayHaveMore || hasLastNews
            take(bytes)
            readIsComplete()
            if hasNews { watched?.readLater(self) }
            return
        }
        loop.readBuffer.put(bytes)
        switch received {
        case .end:
            // The channel knows what else there is to do.
            watched?.leave(socket.descriptor)
            watched = nil
            context.read()
        case .failure(let error): errorCaught(context: context, error: error)
        case .bytes, .nothing: break
        }
    }

    /// The channel has closed the socket.
    func stopReading() {
        if let socket { watched?.forget(socket.descriptor) }
        (watched, socket) = (nil, nil)
    }

    // MARK: Backpressure

    package func read(context: ChannelHandlerContext) {
        if watched != nil { return }
        if mayRead { context.read() } else { holdsRead = true }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        sink.isBackpressured = !isWritable
        if isWritable {
            readOn()
            // What has been read on may have been answered.
            if !frames.isEmpty { flush() }
        }
        context.fireChannelWritabilityChanged()
    }

    private var mayRead: Bool {
        guard context != nil, awaited != .others else { return false }
        if awaited == .turnToBegin, decoder.bufferCapacity > Self.readAhead { return false }
        if closing.hasSentClose { return true }
        guard !isDraining else { return false }
        return isWritable && hasRoom
    }

    func readOn() {
        // Whoever decodes reads on after it.
        guard !isDecoding else { return }
        decode()
        if let watched {
            if hasNews, !isReading, mayRead { watched.readLater(self) }
            return
        }
        guard holdsRead, mayRead else { return }
        holdsRead = false
        context?.read()
    }
}
