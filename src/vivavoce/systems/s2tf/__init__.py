"""S2TF: a voice alone becomes a face that suits it, and the face says the words.

Chapters 3 and 4 of the doctoral thesis on talking faces from the voice that S2TF ("Speech to
Talking Face") comes from.

    portrait or I_ref ─E_id^v─▶ f_id^v ─┐ shared centroids W
    3.2 s of speech   ─E_id^a─▶ f_id^a ─┘                          who
    pose picture, I+  ─E_ir^v─▶ f_ir^v ─┐ sum
    0.2 s around it   ─E_s^a──▶ f_s^a  ─┘                          how it is held, what is said
    cat(f_id, f_ir) ─G, six blocks, each modulated by it─▶ pictures
"""

TALKER = "vivavoce.systems.s2tf.talker:S2tf"
TRAINING = "vivavoce.train.s2tf.training:S2tfTraining"
