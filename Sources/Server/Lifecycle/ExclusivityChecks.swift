import Glibc

/// What Swift checks at run time: that nobody changes what somebody else is using at that moment.
enum ExclusivityChecks {
    /// Ends them in an optimised build, where they take a tenth of the instructions of a message, most of them in SwiftNIO.
    /// Debug builds keep them, and so do the tests; what the compiler checks stays in any case.
    ///
    /// The switch is the Swift runtime's own. Where there is none, as with a runtime that is linked statically, nothing changes.
    static func end() {
        #if !DEBUG
            dlsym(nil, "_swift_disableExclusivityChecking")?.assumingMemoryBound(to: Bool.self).pointee = true
        #endif
    }
}
