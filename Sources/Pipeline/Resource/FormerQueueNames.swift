// For changes that are under way; to be deleted once they have come.
package typealias QueueOptions = Queue.Options
package typealias QueueDepth = Queue.Depth
package typealias QueueGuarantee = Queue.Guarantee
package typealias PushOutcome = Queue.PushOutcome
