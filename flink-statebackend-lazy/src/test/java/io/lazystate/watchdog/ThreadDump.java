package io.lazystate.watchdog;

import java.lang.management.LockInfo;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;

/** What every thread of this process does, and which lock it waits for. */
final class ThreadDump {
    private ThreadDump() {}

    static String now() {
        StringBuilder dump = new StringBuilder();
        for (ThreadInfo thread : ManagementFactory.getThreadMXBean().dumpAllThreads(false, false)) {
            append(dump, thread);
        }
        return dump.toString();
    }

    private static void append(StringBuilder dump, ThreadInfo thread) {
        dump.append('"').append(thread.getThreadName()).append("\" ");
        dump.append(thread.getThreadState());
        LockInfo lock = thread.getLockInfo();
        if (lock != null) {
            dump.append(" on ").append(lock);
            if (thread.getLockOwnerName() != null) {
                dump.append(" held by \"").append(thread.getLockOwnerName()).append('"');
            }
        }
        dump.append('\n');
        for (StackTraceElement frame : thread.getStackTrace()) {
            dump.append("    at ").append(frame).append('\n');
        }
        dump.append('\n');
    }
}
