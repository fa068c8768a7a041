import Pipeline

extension QueueTrial {
    func comesOut(_ message: Message) async throws -> [String] {
        try await queue { queue in
            let findings = try await Self.push([message], into: queue)
            if !findings.isEmpty { return findings }
            let taken = await Self.take(1, from: queue)
            queue.finish(taken, lane: 0)
            guard let found = taken.first?.message else { return ["it hands out nothing"] }
            return Self.check(
                Message.Record(found) == Message.Record(message), "what came out is not the message that went in")
        }
    }

    func order() async throws -> [String] {
        try await queue { queue in
            let (first, second) = (Session(), Session())
            // A queue may have a bound for what it hands out before some of it is finished; two sessions may share it.
            let messages = (0..<100).map { Self.message("\($0)", of: $0 % 3 == 0 ? first : second) }
            let findings = try await Self.push(messages, into: queue)
            let taken = await Self.take(messages.count, from: queue)
            queue.finish(taken, lane: 0)
            return findings
                + [first, second].flatMap { session in
                    Self.expect(
                        Self.prompts(taken.filter { $0.message.session.id == session.id }),
                        messages.filter { $0.session.id == session.id }.map(\.prompt), "of one session")
                }
        }
    }

    func lanes() async throws -> [String] {
        try await queue(lanes: 3) { queue in
            let sessions = (0..<12).map { _ in Session() }
            let messages = (0..<120).map { Self.message("\($0)", of: sessions[$0 % sessions.count]) }
            let findings = try await Self.push(messages, into: queue)
            let all = await withTaskGroup(of: (Int, [QueuedMessage]).self) { group in
                for lane in 0..<3 {
                    group.addTask {
                        var taken: [QueuedMessage] = []
                        while true {
                            let batch = await queue.next(lane: lane, upTo: 7, lingering: .zero)
                            if batch.isEmpty { return (lane, taken) }
                            taken += batch
                            queue.finish(batch, lane: lane)
                        }
                    }
                }
                // Nobody knows which lane has how many: all are woken once everything is finished.
                group.addTask {
                    while queue.depth.messages > 0 { try? await Task.sleep(for: .milliseconds(5)) }
                    queue.close()
                    return (-1, [])
                }
                var all: [Int: [QueuedMessage]] = [:]
                for await (lane, taken) in group { all[lane] = taken }
                return all
            }
            let taken = all.values.flatMap(\.self)
            let ids = Set(taken.map(\.message.id))
            return findings
                + Self.check(
                    taken.count == messages.count && ids == Set(messages.map(\.id)),
                    "\(messages.count) messages were to come out once each; \(taken.count) came, \(ids.count) of them different"
                )
                + all.values.flatMap { lane in
                    sessions.flatMap { session in
                        let numbers = lane.filter { $0.message.session.id == session.id }.compactMap {
                            Int($0.message.prompt)
                        }
                        return Self.check(numbers == numbers.sorted(), "a lane has a session's messages out of order")
                    }
                }
        }
    }

    func finished() async throws -> [String] {
        let messages = (0..<4).map { Self.message("\($0)") }
        let findings = try await queue { queue in
            let findings = try await Self.push(messages, into: queue)
            queue.finish(await Self.take(4, from: queue), lane: 0)
            _ = try await Self.push([Self.message("last")], into: queue)
            let rest = await Self.take(1, from: queue)
            queue.finish(rest, lane: 0)
            return findings + Self.expect(Self.prompts(rest), ["last"], "after the others were finished")
        }
        return try await findings
            + queue { queue in
                _ = try await Self.push([Self.message("new")], into: queue)
                let rest = await Self.take(1, from: queue)
                queue.finish(rest, lane: 0)
                return Self.expect(Self.prompts(rest), ["new"], "after a restart")
            }
    }

    func putBack() async throws -> [String] {
        try await queue { queue in
            let session = Session()
            let findings = try await Self.push((0..<4).map { Self.message("\($0)", of: session) }, into: queue)
            let taken = await Self.take(3, from: queue)
            queue.finish([taken[0]], lane: 0)
            queue.putBack(Array(taken[1...]), lane: 0)
            let again = await Self.take(3, from: queue)
            queue.finish(again, lane: 0)
            return findings + Self.expect(Self.prompts(again), ["1", "2", "3"], "after two were put back")
        }
    }

    func steps() async throws -> [String] {
        try await open { store in
            let options = Queue.Options(capacity: nil, lanes: 1, pipeline: "trial")
            let one = try await store.queue(for: "one", options)
            let two = try await store.queue(for: "two.*.>", options)
            let findings =
                try await Self.push([Self.message("first")], into: one)
                + Self.push([Self.message("second")], into: two)
            let (ofOne, ofTwo) = (await Self.take(1, from: one), await Self.take(1, from: two))
            one.finish(ofOne, lane: 0)
            two.finish(ofTwo, lane: 0)
            for queue in [one, two] { queue.close() }
            return findings + Self.expect(Self.prompts(ofOne), ["first"], "of the first step")
                + Self.expect(Self.prompts(ofTwo), ["second"], "of the second step")
        }
    }

    func capacity() async throws -> [String] {
        try await queue(capacity: 3) { queue in
            var findings = try await Self.push((0..<3).map { Self.message("\($0)") }, into: queue)
            let more = Self.message("more")
            let outcome = try await Self.hand(more, to: queue)
            findings += Self.check(outcome == .full, "with as many messages as may wait, it is not full")
            let waiting = Task { await queue.waitForRoom() }
            queue.finish(await Self.take(3, from: queue), lane: 0)
            await waiting.value
            findings += try await Self.push([more], into: queue)
            let last = await Self.take(1, from: queue)
            queue.finish(last, lane: 0)
            return findings + Self.expect(Self.prompts(last), ["more"], "once there was room")
        }
    }

    func depth() async throws -> [String] {
        try await queue { queue in
            var findings = Self.check(
                queue.depth.messages == 0, "an empty queue counts \(queue.depth.messages) messages")
            // Of one session, as those of several may come out in any order.
            let session = Session()
            let messages = (0..<3).map { Self.message("\($0)", of: session) }
            findings += try await Self.push(messages, into: queue)
            let taken = await Self.take(1, from: queue)
            let depth = queue.depth
            findings += Self.check(
                depth.messages == 3, "with 2 messages that wait and 1 that is worked on it counts \(depth.messages)")
            findings += Self.check(depth.oldest == messages[0].receivedAt, "the oldest is not the first")
            queue.finish(taken, lane: 0)
            queue.finish(await Self.take(2, from: queue), lane: 0)
            let left = queue.depth
            return findings
                + Self.check(left.messages == 0, "with everything finished it counts \(left.messages)")
        }
    }

    func sessions() async throws -> [String] {
        try await queue { queue in
            let session = Session()
            let mine = (0..<3).map { Self.message("\($0)", of: session) }
            var findings = try await Self.push([mine[0], Self.message("another's"), mine[1], mine[2]], into: queue)
            let taken = await Self.take(1, from: queue)
            let found = try await queue.waiting(ofSession: session.id)
            findings += Self.expect(found.map(\.prompt), ["0", "1", "2"], "that wait for a session")
            let one = try await queue.waiting(mine[1].id, ofSession: session.id)
            findings += Self.expect(one.map(\.prompt), ["1"], "by its id")
            queue.finish(taken, lane: 0)
            queue.finish(await Self.take(3, from: queue), lane: 0)
            let left = try await queue.waiting(ofSession: session.id)
            return findings + Self.check(left.isEmpty, "what was finished is still found")
        }
    }

    func waking() async throws -> [String] {
        try await queue { queue in
            let worker = Task { await queue.next(lane: 0, upTo: 1, lingering: .zero) }
            let waking = Task {
                while !Task.isCancelled {
                    queue.wakeWorkers()
                    try? await Task.sleep(for: .milliseconds(2))
                }
            }
            let none = await worker.value
            waking.cancel()
            await waking.value
            return Self.check(none.isEmpty, "a worker that was woken got a message that nobody sent")
        }
    }

    func closing() async throws -> [String] {
        try await queue(capacity: 1) { queue in
            var findings = try await Self.push([Self.message("0")], into: queue)
            let room = Task { await queue.waitForRoom() }
            queue.finish(await Self.take(1, from: queue), lane: 0)
            await room.value
            let worker = Task { await queue.next(lane: 0, upTo: 1, lingering: .zero) }
            queue.close()
            let none = await worker.value
            findings += Self.check(none.isEmpty, "a closed queue hands out what nobody sent")
            await queue.waitForRoom()
            let late = Self.message("late")
            let outcome = try await Self.hand(late, to: queue)
            return findings + Self.check(outcome == .closed, "a closed queue takes a message")
        }
    }

    func restart() async throws -> [String] {
        let session = Session()
        let messages = (0..<20).map { Self.message("\($0)", of: session) }
        let survives = make().guarantee.survivesProcess
        let findings = try await queue { queue in
            let findings = try await Self.push(messages, into: queue)
            if survives { return findings }
            queue.close()
            return findings + Self.expect(queue.giveUp().map(\.prompt), messages.map(\.prompt), "that it gave up")
        }
        guard survives else { return findings }
        return try await findings
            + queue { queue in
                let taken = await Self.take(messages.count, from: queue)
                queue.finish(taken, lane: 0)
                return Self.expect(Self.prompts(taken), messages.map(\.prompt), "after a restart")
                    + Self.check(
                        taken.map { Message.Record($0.message) } == messages.map(Message.Record.init),
                        "after a restart a message is not the one that went in")
            }
    }

    func unfinished() async throws -> [String] {
        guard make().guarantee.survivesProcess else { return [] }
        let session = Session()
        let findings = try await queue { queue in
            let findings = try await Self.push((0..<6).map { Self.message("\($0)", of: session) }, into: queue)
            let taken = await Self.take(3, from: queue)
            queue.finish([taken[0]], lane: 0)
            return findings
        }
        return try await findings
            + queue { queue in
                let taken = await Self.take(5, from: queue)
                queue.finish(taken, lane: 0)
                return Self.expect(Self.prompts(taken), ["1", "2", "3", "4", "5"], "after a restart")
            }
    }

    func words() -> [String] {
        let store = make()
        return [store.guarantee, store.guarantee(holding: 7)].flatMap { guarantee in
            [guarantee.whenKilled, guarantee.whenDown, guarantee.whenMachineLost].flatMap { text in
                Self.check(!text.isEmpty && !text.hasSuffix("."), "'\(text)' is no sentence without its full stop")
            }
        }
            + Self.check(
                store.guarantee(holding: 7).capacity == 7, "its promise does not say how many messages a step wants")
    }
}
