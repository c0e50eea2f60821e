//! isi: demo, share, view, chat, token, doctor.
