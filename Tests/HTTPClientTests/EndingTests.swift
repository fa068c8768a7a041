import HTTPClient
import Testing

@Suite("A call that is given up", .timeLimit(.minutes(1)))
struct EndingTests {
    @Test("by cancelling its task before the response ends at once, and closes its connection")
    func cancelled() async throws {
        let (begins, ends) = (Events<Void>(), Events<Bool>())
        try await serving { connection in
            guard connection.request() != nil else { return }
            begins.report(())
            ends.report(connection.waitForEnd())
        } _: { server, client in
            let task = Task { await failure { try await client.send(HTTPRequest(url: server.url)) } }
            try await begins.next()
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }

    @Test("by cancelling its task within the body ends at once, and closes its connection")
    func cancelledReading() async throws {
        let (begins, ends) = (Events<Void>(), Events<Bool>())
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            ends.report(connection.waitForEnd())
        } _: { server, client in
            let task = Task {
                await failure {
                    for try await _ in try await client.execute(HTTPRequest(url: server.url)).body { begins.report(()) }
                }
            }
            try await begins.next()
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }

    @Test("before it starts is not made")
    func cancelledBefore() async throws {
        try await serving { _ in
        } _: { server, client in
            let error = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await failure { try await client.send(HTTPRequest(url: server.url)) }
            }.value
            #expect(error?.code == .cancelled)
            await client.shutdown()
            #expect(server.accepted == 0)
        }
    }

    @Test("by letting go of its body closes its connection")
    func dropped() async throws {
        let ends = Events<Bool>()
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            ends.report(connection.waitForEnd())
        } _: { server, client in
            var response: HTTPStreamedResponse? = try await client.execute(HTTPRequest(url: server.url))
            #expect(response?.status == 200)
            response = nil
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }

    @Test("does not disturb the others", arguments: 1...3)
    func others(round: Int) async throws {
        try await serving { connection in
            while let request = connection.request() {
                if request.line.contains("/hang") {
                    _ = connection.waitForEnd()
                    return
                }
                connection.respond(body: "hello")
            }
        } _: { server, client in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let hangs = number.isMultiple(of: 2)
                        let request = HTTPRequest(url: server.url + (hangs ? "/hang" : "/"))
                        let call = Task { await failure { try await client.send(request) } }
                        if hangs { call.cancel() }
                        #expect(await call.value?.code == (hangs ? .cancelled : nil))
                    }
                }
            }
        }
    }

    @Test("by shutting the client down ends with an error, and so do those that come later")
    func shutDown() async throws {
        let (begins, ends) = (Events<Void>(), Events<Bool>())
        try await serving { connection in
            guard let request = connection.request() else { return }
            if request.line.contains("/body") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            }
            begins.report(())
            ends.report(connection.waitForEnd())
        } _: { server, client in
            async let first = failure { try await client.send(HTTPRequest(url: server.url)) }
            async let second = failure {
                try await client.execute(HTTPRequest(url: "\(server.url)/body")).body.collect(upTo: 10)
            }
            for _ in 1...2 { try await begins.next() }
            async let again: Void = client.shutdown()
            await client.shutdown()
            await again
            #expect(await first?.code == .shutDown)
            #expect(await second?.code == .shutDown)
            for _ in 1...2 {
                let hasEnded = try await ends.next()
                #expect(hasEnded)
            }
            await client.shutdown()
            #expect(await failure { try await client.send(HTTPRequest(url: server.url)) }?.code == .shutDown)
        }
    }

    @Test("is not one whose client is let go of while its body is read")
    func clientGone() async throws {
        let mayEnd = Barrier(count: 2)
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            guard mayEnd.wait() else { return }
            connection.send("world")
            _ = connection.waitForEnd()
        } _: { server, _ in
            let body = try await HTTPClient().execute(HTTPRequest(url: server.url)).body
            #expect(mayEnd.wait())
            #expect(String(try await body.collect(upTo: 10)) == "helloworld")
        }
    }
}
